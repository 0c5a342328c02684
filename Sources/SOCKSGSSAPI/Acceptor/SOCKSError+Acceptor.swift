public import GSSAPI
public import SOCKSCore

extension SOCKSError {
  /// The keytab could not be read, or the library's configuration before it.
  public init(readingKeytab keytab: String, _ error: GSSError) {
    if let problem = Self.configurationProblem(error) {
      self = problem
    } else if let code = error.systemErrorNumber.flatMap(Self.shortage) {
      self.init(code, "the keytab \(keytab) cannot be read: \(error.cause)")
    } else {
      self.init(.keytabUnreadable, "the keytab \(keytab) cannot be read: \(error.cause)")
    }
  }

  /// A step of an acceptor failed. The keys are in memory by then: the one file that it uses is the replay cache.
  init(accepting error: GSSError) {
    if let problem = Self.configurationProblem(error) {
      self = problem
    } else if let number = error.systemErrorNumber, Self.fileErrors.contains(number) {
      self.init(
        Self.shortage(number) ?? .replayCacheUnreadable, "the replay cache cannot be read or written: \(error.cause)")
    } else if error.isReplayCacheUnreadable {
      self.init(.replayCacheUnreadable, "the replay cache cannot be read or written: \(error.cause)")
    } else {
      self.init(establishing: error)
    }
  }

  /// What the system says of a file that cannot be opened, locked, read or written (numbers of Linux). Others, EINVAL above
  /// all, may as well come from a malformed token.
  private static let fileErrors: Set<Int32> = [
    1, 2, 5, 6, 11, 12, 13, 16, 20, 21, 23, 24, 26, 27, 28, 30, 35, 36, 37, 40, 110, 116, 122,
  ]

  /// The configuration's error, where that is what made a call fail.
  private static func configurationProblem(_ error: GSSError) -> SOCKSError? {
    guard error.isConfigurationUnreadable || error.systemErrorNumber != nil else { return nil }
    let problem = error.isConfigurationUnreadable ? error : KerberosEnvironment.configurationProblem()
    return problem.map(SOCKSError.init(configuration:))
  }

  /// `krb5.conf`, or a file that it includes, cannot be read.
  public init(configuration error: GSSError) {
    self.init(
      .configurationUnreadable,
      "the Kerberos configuration \(KerberosEnvironment.configurationName) cannot be read: \(error.cause)")
  }

  /// What this machine has run out of, by the system's number (of Linux).
  private static func shortage(_ number: Int32) -> Code? {
    switch number {
    case 23, 24: .noDescriptors  // ENFILE, EMFILE
    case 12: .noMemory  // ENOMEM
    case 28, 122: .noDiskSpace  // ENOSPC, EDQUOT
    default: nil
    }
  }
}

extension GSSError {
  /// The library's words alone, without the name of its function.
  var cause: String {
    let texts = (self.minorMessages.isEmpty ? self.majorMessages : self.minorMessages).filter { !$0.isEmpty }
    return texts.isEmpty ? "\(self.code)" : texts.joined(separator: "; ")
  }
}
