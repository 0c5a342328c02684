/// An error of the SOCKS protocols: a code that can grow, and a text for the log.
///
/// The text is for operators and never goes to the peer; what the peer is told follows from where the error happened
/// (an abort, a reply code, or nothing). Texts never hold tokens, passwords or relayed data.
public struct SOCKSError: Error, Sendable, CustomStringConvertible {
  /// What went wrong.
  public var code: Code

  /// Details for the log. It may hold a library's text of any content: escape it where it is shown or logged.
  public var detail: String

  /// The reply that a server refused the request with (RFC 1928 section 6), for `requestRefused`.
  public var reply: SOCKSReplyCode?

  /// What the client speaks instead, for `foreignProtocol`.
  public private(set) var foreignProtocol: ForeignProtocol?

  /// The service that the client's ticket shows, unproved, where authentication failed. Of any content: escape it where
  /// it is shown or logged.
  public var serviceClaimed: String?

  /// The client's first bytes are not SOCKS5.
  public init(_ foreignProtocol: ForeignProtocol) {
    self.init(.foreignProtocol, foreignProtocol.summary)
    self.foreignProtocol = foreignProtocol
  }

  public init(
    _ code: Code, _ detail: String = "", reply: SOCKSReplyCode? = nil, serviceClaimed: String? = nil
  ) {
    self.code = code
    self.detail = detail
    self.reply = reply
    self.serviceClaimed = serviceClaimed
  }

  /// Whose fault it is; decides the log level.
  public var fault: Fault { self.code.base.fault }

  public var description: String {
    self.detail.isEmpty ? self.code.description : "\(self.code): \(self.detail)"
  }
}

extension SOCKSError: Hashable {
  /// Errors are compared by code only: the detail is prose.
  public static func == (lhs: SOCKSError, rhs: SOCKSError) -> Bool { lhs.code == rhs.code }

  public func hash(into hasher: inout Hasher) { hasher.combine(self.code) }
}

extension SOCKSError {
  /// Whose fault an error is.
  public enum Fault: String, Sendable {
    /// The peer broke the protocol.
    case peerViolation = "peer-violation"
    /// The peer speaks the protocol, but something that we do not.
    case peerIncompatible = "peer-incompatible"
    /// This side, or the other, does not allow it.
    case refusedByPolicy = "refused-by-policy"
    /// The security library failed, or found a message bad.
    case securityLibrary = "security-library"
    /// The peer or the network went away, or a deadline passed.
    case network = "network"
    /// The caller asked for something impossible.
    case localMisuse = "local-misuse"
    /// This machine cannot do what it should just now: files, memory, descriptors, load.
    case local = "local"
    /// An error of ours. It costs the connection, never the process.
    case bug = "bug"
  }

  /// The kind of an error. New kinds may come; match with a default.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    /// All kinds, for the switches of this package.
    package enum Base: String, Sendable, CaseIterable {
      case wrongVersion = "wrong-version"
      case foreignProtocol = "foreign-protocol"
      case malformedMessage = "malformed-message"
      case unexpectedMessage = "unexpected-message"
      case noAcceptableMethod = "no-acceptable-method"
      case methodNotOffered = "method-not-offered"
      case unprotectedRequest = "unprotected-request"
      case emptyToken = "empty-token"
      case tooManyRounds = "too-many-rounds"
      case contextFailed = "context-failed"
      case noCredentials = "no-credentials"
      case credentialsExpired = "credentials-expired"
      case unknownService = "unknown-service"
      case ticketForOtherService = "ticket-for-other-service"
      case ticketCacheUnreadable = "ticket-cache-unreadable"
      case tokenTooLong = "token-too-long"
      case kdcUnreachable = "kdc-unreachable"
      case clockSkew = "clock-skew"
      case contextTooWeak = "context-too-weak"
      case serviceNotServed = "service-not-served"
      case levelNotAcceptable = "level-not-acceptable"
      case invalidLevel = "invalid-level"
      /// Level 0: a kind of ``invalidLevel``, with its description.
      case levelZero = "level-zero"
      case levelNotWrapped = "level-not-wrapped"
      case protectionFailed = "protection-failed"
      case replayDetected = "replay-detected"
      case outOfSequence = "out-of-sequence"
      case notEncrypted = "not-encrypted"
      case tooManyEmptyMessages = "too-many-empty-messages"
      case truncated = "truncated"
      case abortReceived = "abort-received"
      case passwordRefused = "password-refused"
      case requestRefused = "request-refused"
      case malformedName = "malformed-name"
      case unsupportedCommand = "unsupported-command"
      case unsupportedAddressType = "unsupported-address-type"
      case timedOut = "timed-out"
      case connectionClosed = "connection-closed"
      case connectionLost = "connection-lost"
      case stepTimedOut = "step-timed-out"
      case queueFull = "queue-full"
      case passwordNotChecked = "password-not-checked"
      case stopping = "stopping"
      case keytabUnreadable = "keytab-unreadable"
      case replayCacheUnreadable = "replay-cache-unreadable"
      case configurationUnreadable = "krb5-conf-unreadable"
      case socketFailed = "socket-failed"
      case noDescriptors = "no-descriptors"
      case noMemory = "no-memory"
      case noDiskSpace = "no-disk-space"
      case valueOutOfRange = "value-out-of-range"
      case internalError = "internal-error"
    }

    package let base: Base

    package init(base: Base) { self.base = base }

    public var description: String { self.base == .levelZero ? Base.invalidLevel.rawValue : self.base.rawValue }
  }
}

extension SOCKSError.Code {
  /// A version octet other than the one that is due.
  public static let wrongVersion = Self(base: .wrongVersion)
  /// The client's first bytes are not SOCKS5: see ``SOCKSError/foreignProtocol``.
  public static let foreignProtocol = Self(base: .foreignProtocol)
  /// A message that cannot be read.
  public static let malformedMessage = Self(base: .malformedMessage)
  /// A message that may not come now.
  public static let unexpectedMessage = Self(base: .unexpectedMessage)
  /// No common authentication method (RFC 1928 section 3, X'FF').
  public static let noAcceptableMethod = Self(base: .noAcceptableMethod)
  /// The server chose a method that the client had not offered.
  public static let methodNotOffered = Self(base: .methodNotOffered)
  /// A SOCKS message without protection where an RFC 1961 message is due.
  public static let unprotectedRequest = Self(base: .unprotectedRequest)
  /// A token of length zero where it may not come.
  public static let emptyToken = Self(base: .emptyToken)
  /// More authentication messages than the mechanism needs.
  public static let tooManyRounds = Self(base: .tooManyRounds)
  /// The GSS-API library refused to establish the context.
  public static let contextFailed = Self(base: .contextFailed)
  /// There is no ticket, or no key, to establish a context with.
  public static let noCredentials = Self(base: .noCredentials)
  /// The ticket or the context has expired.
  public static let credentialsExpired = Self(base: .credentialsExpired)
  /// The key distribution center does not know the service.
  public static let unknownService = Self(base: .unknownService)
  /// The ticket that was about to be sent is not for the service that was named.
  public static let ticketForOtherService = Self(base: .ticketForOtherService)
  /// The ticket cache cannot be reached or read.
  public static let ticketCacheUnreadable = Self(base: .ticketCacheUnreadable)
  /// A token of the library's has more bytes than a message of RFC 1961 can carry.
  public static let tokenTooLong = Self(base: .tokenTooLong)
  /// No key distribution center answers.
  public static let kdcUnreachable = Self(base: .kdcUnreachable)
  /// The clocks of two machines are further apart than Kerberos allows.
  public static let clockSkew = Self(base: .clockSkew)
  /// The context lacks a service that is required, or uses a weak key.
  public static let contextTooWeak = Self(base: .contextTooWeak)
  /// The ticket is for a service that is not served here.
  public static let serviceNotServed = Self(base: .serviceNotServed)
  /// The protection level asked or answered is not allowed here.
  public static let levelNotAcceptable = Self(base: .levelNotAcceptable)
  /// The protection-level message does not hold exactly one octet of a known value.
  public static let invalidLevel = Self(base: .invalidLevel)
  /// Level 0, which RFC 1961 does not have; otherwise as ``invalidLevel``.
  public static let levelZero = Self(base: .levelZero)
  /// The protection level came as one bare octet, as NEC's clients and SS5's send it: ``CompatibilitySwitch/nec``.
  public static let levelNotWrapped = Self(base: .levelNotWrapped)
  /// A token could not be wrapped or unwrapped.
  public static let protectionFailed = Self(base: .protectionFailed)
  /// A token came a second time.
  public static let replayDetected = Self(base: .replayDetected)
  /// A token is missing, or came late.
  public static let outOfSequence = Self(base: .outOfSequence)
  /// A token without confidentiality where the level demands it.
  public static let notEncrypted = Self(base: .notEncrypted)
  /// More empty messages in a row than any honest peer sends.
  public static let tooManyEmptyMessages = Self(base: .tooManyEmptyMessages)
  /// The peer ended the stream inside a message.
  public static let truncated = Self(base: .truncated)
  /// The peer sent an abort (RFC 1961 section 3.8).
  public static let abortReceived = Self(base: .abortReceived)
  /// The user name or the password was refused (RFC 1929).
  public static let passwordRefused = Self(base: .passwordRefused)
  /// The server answered the request with a failure (RFC 1928 section 6).
  public static let requestRefused = Self(base: .requestRefused)
  /// What is given as a host's name cannot be one (reply X'04').
  public static let malformedName = Self(base: .malformedName)
  /// A command other than those served (reply X'07').
  public static let unsupportedCommand = Self(base: .unsupportedCommand)
  /// An address type other than those of RFC 1928 section 5 (reply X'08').
  public static let unsupportedAddressType = Self(base: .unsupportedAddressType)
  /// The peer did not do its part in time.
  public static let timedOut = Self(base: .timedOut)
  /// A step of this side (a call of the security library, the check of a password) was in flight when the time was up.
  public static let stepTimedOut = Self(base: .stepTimedOut)
  /// The peer closed or reset the connection.
  public static let connectionClosed = Self(base: .connectionClosed)
  /// The network broke the connection: there is no answer from the peer, or no way to it.
  public static let connectionLost = Self(base: .connectionLost)
  /// More security steps wait on this machine than may.
  public static let queueFull = Self(base: .queueFull)
  /// The password could not be checked, for a reason of this machine's.
  public static let passwordNotChecked = Self(base: .passwordNotChecked)
  /// This program is stopping.
  public static let stopping = Self(base: .stopping)
  /// This machine's keytab cannot be read.
  public static let keytabUnreadable = Self(base: .keytabUnreadable)
  /// This machine's replay cache cannot be read or written.
  public static let replayCacheUnreadable = Self(base: .replayCacheUnreadable)
  /// This machine's krb5.conf cannot be read.
  public static let configurationUnreadable = Self(base: .configurationUnreadable)
  /// A socket of this machine's cannot be opened or used.
  public static let socketFailed = Self(base: .socketFailed)
  /// This process, or this machine, has no file descriptor left.
  public static let noDescriptors = Self(base: .noDescriptors)
  /// This machine has no memory left.
  public static let noMemory = Self(base: .noMemory)
  /// This machine has no disk space left.
  public static let noDiskSpace = Self(base: .noDiskSpace)
  /// A value given by the caller does not fit the wire format.
  public static let valueOutOfRange = Self(base: .valueOutOfRange)
  /// An event came in a state where our own code must not send it.
  public static let internalError = Self(base: .internalError)
}

extension SOCKSError.Code.Base {
  var fault: SOCKSError.Fault {
    switch self {
    case .wrongVersion, .malformedMessage, .unexpectedMessage, .emptyToken, .tooManyRounds, .invalidLevel, .levelZero,
      .replayDetected, .outOfSequence, .notEncrypted, .tooManyEmptyMessages, .methodNotOffered, .truncated,
      .malformedName:
      .peerViolation
    case .foreignProtocol, .levelNotWrapped, .noAcceptableMethod, .unprotectedRequest, .unsupportedCommand,
      .unsupportedAddressType:
      .peerIncompatible
    case .contextTooWeak, .serviceNotServed, .levelNotAcceptable, .passwordRefused, .requestRefused, .abortReceived:
      .refusedByPolicy
    case .ticketForOtherService, .ticketCacheUnreadable, .tokenTooLong, .contextFailed, .protectionFailed,
      .noCredentials, .credentialsExpired, .unknownService, .kdcUnreachable, .clockSkew:
      .securityLibrary
    case .timedOut, .connectionClosed, .connectionLost:
      .network
    case .stepTimedOut, .queueFull, .passwordNotChecked, .stopping, .keytabUnreadable, .replayCacheUnreadable,
      .configurationUnreadable, .socketFailed, .noDescriptors, .noMemory, .noDiskSpace:
      .local
    case .valueOutOfRange:
      .localMisuse
    case .internalError:
      .bug
    }
  }
}
