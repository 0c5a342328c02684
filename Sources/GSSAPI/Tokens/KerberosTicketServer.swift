/// The service that a Kerberos ticket is for: its `realm` and `sname`, which every ticket shows unencrypted (RFC 4120
/// section 5.3). Pure.
///
/// Nothing here is authenticated. Where several names share one key, as in Active Directory, the holder of a ticket for
/// one of them can write another name over it. An acceptor may let it choose a key; it proves nothing.
public struct KerberosTicketServer: Hashable, Sendable {
  /// The realm, of any content.
  public let realm: [UInt8]
  /// The kind of name (RFC 4120 section 6.2). "The name type should be treated as a hint": do not compare it.
  public let nameType: Int32
  /// The parts of the name, 1 to ``maximumComponents``, each of any content.
  public let components: [[UInt8]]

  /// More parts than any principal has.
  public static let maximumComponents = 16
  /// The most bytes of the realm, and of each part.
  public static let maximumLength = 1_024

  /// `nil` where a bound of this type is exceeded.
  public init?(realm: some Collection<UInt8>, nameType: Int32, components: [[UInt8]]) {
    guard (1...Self.maximumComponents).contains(components.count), realm.count <= Self.maximumLength,
      components.allSatisfy({ $0.count <= Self.maximumLength })
    else { return nil }
    self.realm = Array(realm)
    self.nameType = nameType
    self.components = components
  }

  /// Reads the name from an initiator's first token for the Kerberos mechanism (RFC 4121 section 4.1), or from an AP-REQ
  /// without the frame around it, which MIT's library accepts as well.
  ///
  /// `nil` when no AP-REQ can be read from it: another mechanism, another kind of message, a malformed one.
  public init?(inInitialToken token: [UInt8]) {
    guard let server = KerberosRequestParser.server(initialToken: token[...]) else { return nil }
    self = server
  }

  /// Reads the name from a ticket alone, as a ticket cache has it (RFC 4120 section 5.3).
  init?(inTicket ticket: [UInt8]) {
    guard let server = KerberosRequestParser.server(ticket: ticket[...]) else { return nil }
    self = server
  }

  /// Reads the name from a SPNEGO token of the initiator: from the mechanism token of the first one, or from the response
  /// token of a later one (RFC 4178 section 4.2).
  ///
  /// `nil` when there is no Kerberos token in it that can be read.
  public init?(inNegotiationToken token: [UInt8]) {
    guard let server = KerberosRequestParser.server(negotiationToken: token[...]) else { return nil }
    self = server
  }
}

extension KerberosTicketServer {
  /// Whether both name the same principal: realm and parts byte by byte; the kind of name does not count (RFC 4120
  /// section 6.2).
  public func isSamePrincipal(as other: KerberosTicketServer) -> Bool {
    realm == other.realm && components == other.components
  }
}

extension KerberosTicketServer: CustomStringConvertible {
  /// The principal as Kerberos writes it, `socks/gw.example.com@EXAMPLE.COM`, with its escapes (RFC 1964 section 2.1.3).
  /// Bytes that are not UTF-8 show as U+FFFD. Of any content all the same: escape it where it is shown or logged.
  public var description: String {
    let name = components.map { Self.escaped($0) }.joined(separator: [UInt8(ascii: "/")])
    return String(decoding: Array(name) + [UInt8(ascii: "@")] + Self.escaped(realm), as: UTF8.self)
  }

  private static func escaped(_ bytes: [UInt8]) -> [UInt8] {
    bytes.flatMap { byte in
      switch byte {
      case UInt8(ascii: "/"), UInt8(ascii: "@"), UInt8(ascii: "\\"): [UInt8(ascii: "\\"), byte]
      case 0x00: [UInt8(ascii: "\\"), UInt8(ascii: "0")]
      case 0x08: [UInt8(ascii: "\\"), UInt8(ascii: "b")]
      case 0x09: [UInt8(ascii: "\\"), UInt8(ascii: "t")]
      case 0x0a: [UInt8(ascii: "\\"), UInt8(ascii: "n")]
      default: [byte]
      }
    }
  }
}
