internal import Glibc

/// What is wrong on this machine, whoever the peer is.
public enum GSSLocalTrouble: Hashable, Sendable, CaseIterable {
  case keytab, replayCache, configuration
  case descriptors, memory, diskSpace
}

extension GSSError {
  /// What of this machine's made an acceptor's call fail, as far as the status says so; nil where it may be the peer's
  /// doing.
  ///
  /// MIT's library answers to a keytab that is missing or forbidden as it does to a name without a key
  /// (`KRB_AP_ERR_NOKEY`): whether the keytab can be read, somebody has to look.
  public var localTrouble: GSSLocalTrouble? {
    guard code == .failure || code == .noCredential || code == .defectiveCredential else { return nil }
    switch minor {
    case EMFILE, ENFILE: return .descriptors
    case ENOMEM, KerberosFileCode.replayCacheNoMemory, KerberosFileCode.replayCacheMalloc: return .memory
    case ENOSPC, EDQUOT, EFBIG, KerberosFileCode.replayCacheNoSpace: return .diskSpace
    case KerberosFileCode.configurationCannotBeOpened, KerberosFileCode.configurationMalformed: return .configuration
    case KerberosFileCode.replayDetected: return nil
    case KerberosFileCode.replayCache, KerberosFileCode.replayCacheVersion, KerberosFileCode.replayCacheRequired:
      return .replayCache
    case KerberosFileCode.keytabName, KerberosFileCode.keytabType, KerberosFileCode.keytabFailed,
      KerberosFileCode.keytabVersion, KerberosFileCode.keytabNameTooLong, KerberosFileCode.keytabFormat:
      return .keytab
    case EPERM, ENOENT, EIO, ENXIO, EAGAIN, EACCES, EEXIST, ENOTDIR, EISDIR, ETXTBSY, EROFS, EDEADLK, ENAMETOOLONG,
      ENOLCK, ELOOP, ESTALE:
      // An error of the file system. The library names the replay cache's file, and no other.
      return minorMessages.contains { $0.contains("rcache") || $0.contains("replay") || $0.contains("(filename: ") }
        ? .replayCache : .keytab
    default: return nil
    }
  }
}

/// Error numbers of MIT's and Heimdal's table that are about files.
private enum KerberosFileCode {
  static let configurationCannotBeOpened: Int32 = -1_765_328_249
  static let configurationMalformed: Int32 = -1_765_328_248
  static let replayCache: ClosedRange<Int32> = -1_765_328_225 ... -1_765_328_213
  static let replayCacheMalloc: Int32 = -1_765_328_224
  static let replayDetected: Int32 = -1_765_328_221
  static let replayCacheNoMemory: Int32 = -1_765_328_216
  static let replayCacheNoSpace: Int32 = -1_765_328_212
  static let keytabName: Int32 = -1_765_328_205
  static let keytabType: Int32 = -1_765_328_204
  static let keytabFailed: Int32 = -1_765_328_200
  static let replayCacheVersion: Int32 = -1_765_328_173
  static let keytabVersion: Int32 = -1_765_328_171
  static let replayCacheRequired: Int32 = -1_765_328_169
  static let keytabNameTooLong: Int32 = -1_765_328_155
  static let keytabFormat: Int32 = -1_765_328_149
}
