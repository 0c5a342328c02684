import GSSAPI
import SOCKSCore

extension SecurityContextAttributes {
  init(_ context: borrowing GSSSecurityContext) {
    let lifetime: UInt32? =
      switch context.initialLifetime {
      case .expired: 0
      case .seconds(let seconds): seconds
      case .indefinite: nil
      }
    self.init(
      services: Services(context.flags), mechanism: context.innerMechanism.name ?? context.innerMechanism.description,
      encryptionType: context.sessionKeyEncryptionType, initiatorName: context.initiatorName ?? "",
      acceptorName: context.acceptorName ?? "", lifetime: lifetime, ticketSessionType: context.requestKeys?.session)
  }
}

extension SecurityContextAttributes.Services {
  init(_ flags: GSSContextFlags) {
    self = []
    if flags.contains(.mutual) { self.insert(.mutual) }
    if flags.contains(.replay) { self.insert(.replay) }
    if flags.contains(.sequence) { self.insert(.sequence) }
    if flags.contains(.integrity) { self.insert(.integrity) }
    if flags.contains(.confidentiality) { self.insert(.confidentiality) }
    if flags.contains(.anonymous) { self.insert(.anonymous) }
  }
}

extension UnwrapOutcome {
  init(_ message: GSSUnwrapped) {
    self.init(
      plaintextLength: message.plaintextLength, isConfidential: message.confidential, status: Status(message.status),
      sequenceNumber: message.sequenceNumber)
  }
}

extension UnwrapOutcome.Status {
  init(_ status: GSSSupplementaryStatus) {
    self = []
    if status.contains(.duplicate) { self.insert(.duplicate) }
    if status.contains(.old) { self.insert(.old) }
    if status.contains(.unsequenced) { self.insert(.unsequenced) }
    if status.contains(.gap) { self.insert(.gap) }
    if !status.subtracting([.duplicate, .old, .unsequenced, .gap]).isEmpty { self.insert(.other) }
  }
}

extension SOCKSError {
  /// A step failed.
  init(establishing error: GSSError) {
    self.init(Code(establishing: error), error.reason)
  }

  /// A step of an initiator failed: in words for the person who wanted it.
  init(initiating error: GSSError) {
    self.init(Code(establishing: error), error.reason)
  }

  /// A message could not be protected or opened.
  init(protecting error: GSSError) {
    self.init(.protectionFailed, error.description)
  }
}

extension SOCKSError.Code {
  fileprivate init(establishing error: GSSError) {
    self =
      if error.isTicketForOtherServer {
        .ticketForOtherService
      } else if error.isConfigurationUnreadable {
        .configurationUnreadable
      } else if error.isCacheUnreadable {
        .ticketCacheUnreadable
      } else if error.isUnknownServerPrincipal {
        .unknownService
      } else if error.isExpired {
        .credentialsExpired
      } else if error.isKDCUnreachable {
        .kdcUnreachable
      } else if error.isClockSkew {
        .clockSkew
      } else if error.isNoCredentials {
        .noCredentials
      } else {
        .contextFailed
      }
  }
}
