/// Finds the AP-REQ in the tokens of an initiator, and the ticket's server name in it. Pure and total.
enum KerberosRequestParser {
  /// Identifiers that MIT's library takes for Kerberos in a token's frame: the one of RFC 4121, the one that Windows 2000
  /// wrote by mistake (1.2.840.48018.1.2.2), and the one before RFC 1964 (1.3.5.1.5.2).
  private static let identifiers: [[UInt8]] = [
    GSSMechanism.krb5.octets,
    [0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02],
    [0x2b, 0x05, 0x01, 0x05, 0x02],
  ]

  /// The first token of Kerberos: `60 length 06 length identifier 01 00 AP-REQ` (RFC 4121 section 4.1, RFC 2743
  /// section 3.1).
  static func server(initialToken token: ArraySlice<UInt8>) -> KerberosTicketServer? {
    request(initialToken: token).flatMap { server(request: $0) }
  }

  /// The AP-REQ in a first token of Kerberos.
  static func request(initialToken token: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    if token.first == 0x6e { return token }
    guard let (identifier, inner) = framed(token), identifiers.contains(Array(identifier)) else { return nil }
    guard inner.starts(with: [0x01, 0x00]) else { return nil }
    return inner.dropFirst(2)
  }

  /// A token of SPNEGO (RFC 4178 section 4.2): `negTokenInit`, with or without the frame, or `negTokenResp`.
  static func server(negotiationToken token: ArraySlice<UInt8>) -> KerberosTicketServer? {
    request(negotiationToken: token).flatMap { server(request: $0) }
  }

  /// The AP-REQ in a token of SPNEGO.
  static func request(negotiationToken token: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    var bytes = token
    if token.first == 0x60 {
      guard let (identifier, inner) = framed(token), Array(identifier) == GSSMechanism.spnego.octets else { return nil }
      bytes = inner
    }
    var reader = DERReader(bytes)
    guard let (choice, contents) = reader.next(), reader.isAtEnd, choice == 0xa0 || choice == 0xa1 else { return nil }
    var sequence = DERReader(contents)
    guard var fields = sequence.nested(0x30), sequence.isAtEnd else { return nil }
    // Both have the Kerberos token at the same place: mechToken [2], responseToken [2].
    while let (tag, contents) = fields.next() {
      guard tag == 0xa2 else { continue }
      var field = DERReader(contents)
      guard let inner = field.element(0x04), field.isAtEnd else { return nil }
      return request(initialToken: inner)
    }
    return nil
  }

  /// The identifier in a frame, and what is behind it.
  private static func framed(_ token: ArraySlice<UInt8>) -> (identifier: ArraySlice<UInt8>, rest: ArraySlice<UInt8>)? {
    var reader = DERReader(token)
    guard let contents = reader.element(0x60), reader.isAtEnd else { return nil }
    var inside = DERReader(contents)
    guard let identifier = inside.element(0x06), identifier.count <= ObjectIdentifierText.maximumOctets else {
      return nil
    }
    return (identifier, inside.rest)
  }

  /// AP-REQ (RFC 4120 section 5.5.1): version, message type, options, and then the ticket.
  private static func server(request: ArraySlice<UInt8>) -> KerberosTicketServer? {
    var reader = DERReader(request)
    guard var fields = reader.nested(0x6e, 0x30), reader.isAtEnd else { return nil }
    guard fields.integer(explicit: 0xa0) == 5, fields.integer(explicit: 0xa1) == 14, fields.element(0xa2) != nil,
      let ticket = fields.element(0xa3)
    else { return nil }
    return server(ticket: ticket)
  }

  /// Ticket (RFC 4120 section 5.3): version, realm and server name, and then what is encrypted.
  static func server(ticket: ArraySlice<UInt8>) -> KerberosTicketServer? {
    var reader = DERReader(ticket)
    guard var fields = reader.nested(0x61, 0x30), reader.isAtEnd, fields.integer(explicit: 0xa0) == 5,
      let realm = fields.nested(0xa1, 0x1b)?.rest, var name = fields.nested(0xa2, 0x30)
    else { return nil }
    guard let nameType = name.integer(explicit: 0xa0), let components = name.nested(0xa1, 0x30), name.isAtEnd else {
      return nil
    }
    return strings(components).flatMap { KerberosTicketServer(realm: realm, nameType: nameType, components: $0) }
  }

  /// A sequence of GeneralString: the parts of a name.
  private static func strings(_ sequence: DERReader) -> [[UInt8]]? {
    var sequence = sequence
    var result: [[UInt8]] = []
    while !sequence.isAtEnd {
      guard result.count < KerberosTicketServer.maximumComponents, let string = sequence.element(0x1b),
        string.count <= KerberosTicketServer.maximumLength
      else { return nil }
      result.append(Array(string))
    }
    return result
  }
}
