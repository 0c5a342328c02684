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

  public init(_ code: Code, _ detail: String = "", reply: SOCKSReplyCode? = nil) {
    self.code = code
    self.detail = detail
    self.reply = reply
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
    /// A rule of this side forbids it.
    case refusedByPolicy = "refused-by-policy"
    /// The security library failed, or found a message bad.
    case securityLibrary = "security-library"
    /// The peer or the network went away, or a deadline passed.
    case network = "network"
    /// The caller asked for something impossible.
    case localMisuse = "local-misuse"
    /// A slip of ours. It costs the connection, never the process.
    case bug = "bug"
  }

  /// The kind of an error. New kinds may come; match with a default.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    enum Base: String, Sendable {
      case wrongVersion = "wrong-version"
      case malformedMessage = "malformed-message"
      case unexpectedMessage = "unexpected-message"
      case noAcceptableMethod = "no-acceptable-method"
      case methodNotOffered = "method-not-offered"
      case clearMessageWhereProtectionIsDue = "clear-message-where-protection-is-due"
      case emptyToken = "empty-token"
      case tooManyRounds = "too-many-rounds"
      case contextFailed = "context-failed"
      case noCredentials = "no-credentials"
      case credentialsExpired = "credentials-expired"
      case unknownService = "unknown-service"
      case ticketForOtherService = "ticket-for-other-service"
      case ticketCacheUnreadable = "ticket-cache-unreadable"
      case configurationUnreadable = "krb5-conf-unreadable"
      case tokenTooLong = "token-too-long"
      case authorityUnreachable = "authority-unreachable"
      case clockSkew = "clock-skew"
      case contextTooWeak = "context-too-weak"
      case serviceNotServed = "service-not-served"
      case levelNotAcceptable = "level-not-acceptable"
      case levelMalformed = "level-malformed"
      case protectionFailed = "protection-failed"
      case messageRepeated = "message-repeated"
      case messageOutOfSequence = "message-out-of-sequence"
      case messageNotConfidential = "message-not-confidential"
      case tooManyEmptyMessages = "too-many-empty-messages"
      case truncated = "truncated"
      case abortReceived = "abort-received"
      case passwordRefused = "password-refused"
      case requestRefused = "request-refused"
      case unsupportedCommand = "unsupported-command"
      case unsupportedAddressType = "unsupported-address-type"
      case refusedByRule = "refused-by-rule"
      case connectionRefused = "connection-refused"
      case hostUnreachable = "host-unreachable"
      case networkUnreachable = "network-unreachable"
      case targetFailed = "target-failed"
      case deadlinePassed = "deadline-passed"
      case connectionClosed = "connection-closed"
      case tooBusy = "too-busy"
      case tooManySessions = "too-many-sessions"
      case valueOutOfRange = "value-out-of-range"
      case unreachableState = "unreachable-state"
    }

    let base: Base

    public var description: String { self.base.rawValue }
  }
}

extension SOCKSError.Code {
  /// A version octet other than the one that is due.
  public static let wrongVersion = Self(base: .wrongVersion)
  /// A message that cannot be read.
  public static let malformedMessage = Self(base: .malformedMessage)
  /// A message that may not come now.
  public static let unexpectedMessage = Self(base: .unexpectedMessage)
  /// No common authentication method (RFC 1928 section 3, X'FF').
  public static let noAcceptableMethod = Self(base: .noAcceptableMethod)
  /// The server chose a method that the client had not offered.
  public static let methodNotOffered = Self(base: .methodNotOffered)
  /// A SOCKS message in clear where an RFC 1961 message is due.
  public static let clearMessageWhereProtectionIsDue = Self(base: .clearMessageWhereProtectionIsDue)
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
  /// The key distribution centre does not know the service.
  public static let unknownService = Self(base: .unknownService)
  /// The ticket that was about to be sent is not for the service that was named.
  public static let ticketForOtherService = Self(base: .ticketForOtherService)
  /// The ticket cache cannot be reached or read.
  public static let ticketCacheUnreadable = Self(base: .ticketCacheUnreadable)
  /// `krb5.conf`, or a file that it includes, cannot be read.
  public static let configurationUnreadable = Self(base: .configurationUnreadable)
  /// A token of the library's has more bytes than a message of RFC 1961 can carry.
  public static let tokenTooLong = Self(base: .tokenTooLong)
  /// No key distribution centre answers.
  public static let authorityUnreachable = Self(base: .authorityUnreachable)
  /// The clocks of two machines are further apart than Kerberos allows.
  public static let clockSkew = Self(base: .clockSkew)
  /// The context lacks a service that is required, or uses a weak key.
  public static let contextTooWeak = Self(base: .contextTooWeak)
  /// The ticket is for a service that is not served here.
  public static let serviceNotServed = Self(base: .serviceNotServed)
  /// The protection level asked or answered is not allowed here.
  public static let levelNotAcceptable = Self(base: .levelNotAcceptable)
  /// The protection-level message does not hold exactly one octet of a known value.
  public static let levelMalformed = Self(base: .levelMalformed)
  /// A token could not be wrapped or unwrapped.
  public static let protectionFailed = Self(base: .protectionFailed)
  /// A token came a second time.
  public static let messageRepeated = Self(base: .messageRepeated)
  /// A token is missing, or came late.
  public static let messageOutOfSequence = Self(base: .messageOutOfSequence)
  /// A token without confidentiality where the level demands it.
  public static let messageNotConfidential = Self(base: .messageNotConfidential)
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
  /// A command other than those served (reply X'07').
  public static let unsupportedCommand = Self(base: .unsupportedCommand)
  /// An address type other than those of RFC 1928 section 5 (reply X'08').
  public static let unsupportedAddressType = Self(base: .unsupportedAddressType)
  /// A rule of the gateway forbids it (reply X'02').
  public static let refusedByRule = Self(base: .refusedByRule)
  /// The target refused the connection (reply X'05').
  public static let connectionRefused = Self(base: .connectionRefused)
  /// The target has no address, or does not answer (reply X'04').
  public static let hostUnreachable = Self(base: .hostUnreachable)
  /// There is no way to the target's network (reply X'03').
  public static let networkUnreachable = Self(base: .networkUnreachable)
  /// The target could not be dialled for another reason (reply X'01').
  public static let targetFailed = Self(base: .targetFailed)
  /// A deadline of this side passed.
  public static let deadlinePassed = Self(base: .deadlinePassed)
  /// The peer closed, or the connection broke.
  public static let connectionClosed = Self(base: .connectionClosed)
  /// A bound on work in progress was reached.
  public static let tooBusy = Self(base: .tooBusy)
  /// The user has as many sessions as one user may have (reply X'02').
  public static let tooManySessions = Self(base: .tooManySessions)
  /// A value given by the caller does not fit the wire format.
  public static let valueOutOfRange = Self(base: .valueOutOfRange)
  /// An event came in a state where our own code must not send it.
  public static let unreachableState = Self(base: .unreachableState)
}

extension SOCKSError.Code.Base {
  var fault: SOCKSError.Fault {
    switch self {
    case .wrongVersion, .malformedMessage, .unexpectedMessage, .emptyToken, .tooManyRounds, .levelMalformed,
      .messageRepeated, .messageOutOfSequence, .messageNotConfidential, .tooManyEmptyMessages, .methodNotOffered,
      .truncated:
      .peerViolation
    case .noAcceptableMethod, .clearMessageWhereProtectionIsDue, .unsupportedCommand, .unsupportedAddressType:
      .peerIncompatible
    case .contextTooWeak, .serviceNotServed, .levelNotAcceptable, .passwordRefused, .refusedByRule, .requestRefused,
      .abortReceived, .tooManySessions:
      .refusedByPolicy
    case .ticketForOtherService, .ticketCacheUnreadable, .configurationUnreadable, .tokenTooLong:
      .securityLibrary
    case .contextFailed, .protectionFailed, .noCredentials, .credentialsExpired, .unknownService,
      .authorityUnreachable, .clockSkew:
      .securityLibrary
    case .connectionRefused, .hostUnreachable, .networkUnreachable, .targetFailed, .deadlinePassed, .connectionClosed,
      .tooBusy:
      .network
    case .valueOutOfRange:
      .localMisuse
    case .unreachableState:
      .bug
    }
  }
}
