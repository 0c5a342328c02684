import GSSAPI
import SOCKSCore

extension SOCKSError {
  /// A step of an acceptor failed: for what the peer sent, or for want of something on this machine.
  ///
  /// - Parameter keytabFailure: why the keytab cannot be read, asked where the status does not say. It may read files.
  init(accepting error: GSSError, keytabFailure: () -> GSSError?) {
    if let trouble = error.localTrouble {
      self.init(Code(trouble), error.description)
    } else if let failure = keytabFailure() {
      self.init(failure.localTrouble.map(Code.init) ?? .keytabUnreadable, failure.description)
    } else {
      self.init(establishing: error)
    }
  }
}

extension SOCKSError.Code {
  init(_ trouble: GSSLocalTrouble) {
    self =
      switch trouble {
      case .keytab: .keytabUnreadable
      case .replayCache: .replayCacheUnreadable
      case .configuration: .configurationUnreadable
      case .descriptors: .noDescriptors
      case .memory: .noMemory
      case .diskSpace: .noDiskSpace
      }
  }
}
