extension GSSError {
  /// The routine error of a major status (RFC 2744 section 3.9.1), or a kind of our own. New values may come.
  public struct Code: Hashable, Sendable {
    /// Routine errors are 1 to 255, the value of the major status' third octet; calling errors 256 times theirs
    /// (its fourth octet); our own kinds are negative.
    public let rawValue: Int32

    init(_ rawValue: Int32) {
      self.rawValue = rawValue
    }

    public static let badMechanism = Code(1)
    public static let badName = Code(2)
    public static let badNameType = Code(3)
    public static let badBindings = Code(4)
    public static let badStatus = Code(5)
    /// A token failed its integrity check (`GSS_S_BAD_SIG`).
    public static let badSignature = Code(6)
    public static let noCredential = Code(7)
    public static let noContext = Code(8)
    public static let defectiveToken = Code(9)
    public static let defectiveCredential = Code(10)
    public static let credentialsExpired = Code(11)
    public static let contextExpired = Code(12)
    /// The mechanism failed: its minor status says why.
    public static let failure = Code(13)
    public static let badQualityOfProtection = Code(14)
    public static let unauthorized = Code(15)
    public static let unavailable = Code(16)
    public static let duplicateElement = Code(17)
    public static let nameNotMechanismName = Code(18)

    /// The caller broke a rule of this module.
    public static let misuse = Code(-1)
    /// The library reported success in a form that it should not have: nothing of it was used.
    public static let unexpectedAnswer = Code(-2)
    /// The ticket that was about to be sent is for another server than the one required.
    public static let ticketForOtherServer = Code(-3)
    /// The ticket cache is missing, or has no ticket of the identity asked for.
    public static let noTicket = Code(-4)
    /// The ticket cache cannot be reached or read.
    public static let cacheUnreadable = Code(-5)
    /// `krb5.conf`, or a file that it includes, cannot be read.
    public static let configurationUnreadable = Code(-6)
  }
}

extension GSSError.Code: CustomStringConvertible {
  public var description: String {
    switch self {
    case .badMechanism: "unsupported mechanism"
    case .badName: "invalid name"
    case .badNameType: "unsupported kind of name"
    case .badBindings: "channel bindings differ"
    case .badStatus: "invalid status"
    case .badSignature: "token has an invalid integrity check"
    case .noCredential: "no credentials"
    case .noContext: "no context"
    case .defectiveToken: "invalid token"
    case .defectiveCredential: "invalid credential"
    case .credentialsExpired: "credentials expired"
    case .contextExpired: "context expired"
    case .failure: "mechanism failure"
    case .badQualityOfProtection: "unsupported quality of protection"
    case .unauthorized: "not authorized"
    case .unavailable: "operation not available"
    case .duplicateElement: "duplicate credential element"
    case .nameNotMechanismName: "name is not of one mechanism"
    case .misuse: "misuse"
    case .unexpectedAnswer: "unexpected answer of the library"
    case .ticketForOtherServer: "ticket for another server"
    case .noTicket: "no ticket"
    case .cacheUnreadable: "unreadable ticket cache"
    case .configurationUnreadable: "unreadable Kerberos configuration"
    default: "status \(rawValue)"
    }
  }
}
