/// What is known of an established security context, in terms that need no GSS-API library.
public struct SecurityContextAttributes: Hashable, Sendable {
  /// The services that the context grants (RFC 2743 section 1.2).
  public struct Services: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Both ends are authenticated.
    public static let mutual = Services(rawValue: 1 << 0)
    /// Repeated messages are detected.
    public static let replay = Services(rawValue: 1 << 1)
    /// Missing and reordered messages are detected.
    public static let sequence = Services(rawValue: 1 << 2)
    /// Messages can be signed.
    public static let integrity = Services(rawValue: 1 << 3)
    /// Messages can be sealed.
    public static let confidentiality = Services(rawValue: 1 << 4)
    /// The initiator did not say who it is.
    public static let anonymous = Services(rawValue: 1 << 5)
  }

  public var services: Services
  /// The mechanism that protects messages, as the log shows it: `krb5`.
  public var mechanism: String
  /// The Kerberos encryption type of the key that protects messages (RFC 3961 section 8); nil when the mechanism has none.
  public var encryptionType: Int32?
  /// The Kerberos encryption type of the ticket's session key, under which the two ends agree on the key for messages; nil
  /// when it is not known.
  public var ticketSessionType: Int32?
  /// The initiator's name as displayed by the library, escapes and all.
  public var initiatorName: String
  /// The acceptor's name: for Kerberos the service principal of the ticket.
  public var acceptorName: String
  /// Seconds that the context is valid for; nil when it has no end.
  public var lifetime: UInt32?

  public init(
    services: Services, mechanism: String, encryptionType: Int32?, initiatorName: String, acceptorName: String,
    lifetime: UInt32?, ticketSessionType: Int32? = nil
  ) {
    self.services = services
    self.mechanism = mechanism
    self.encryptionType = encryptionType
    self.ticketSessionType = ticketSessionType
    self.initiatorName = initiatorName
    self.acceptorName = acceptorName
    self.lifetime = lifetime
  }
}
