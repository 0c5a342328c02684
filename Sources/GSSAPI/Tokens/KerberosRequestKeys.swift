/// Which kinds of keys an initiator's AP-REQ uses (RFC 4120 section 5.5.1): every encrypted part shows its encryption type.
/// Pure.
///
/// An established context does not show the second: where both sides know AES, an acceptor of MIT adds a key of its own for
/// the messages, even to a ticket whose session key is RC4, under which that key is sent (RFC 4537). The library refuses an
/// AP-REQ whose types are not those of the keys.
public struct KerberosRequestKeys: Hashable, Sendable {
  /// The encryption type of the service's key, which the ticket is encrypted with.
  public let ticket: Int32
  /// The encryption type of the ticket's session key, which the authenticator is encrypted with.
  public let session: Int32

  /// Reads them from an initiator's first token for the Kerberos mechanism; `nil` when no AP-REQ can be read from it.
  public init?(inInitialToken token: [UInt8]) {
    guard let request = KerberosRequestParser.request(initialToken: token[...]) else { return nil }
    self.init(request: request)
  }

  /// Reads them from a SPNEGO token of the initiator; `nil` when there is no Kerberos token in it that can be read.
  public init?(inNegotiationToken token: [UInt8]) {
    guard let request = KerberosRequestParser.request(negotiationToken: token[...]) else { return nil }
    self.init(request: request)
  }

  /// Reads them from a token of an initiator, whichever of the two mechanisms it is for.
  public init?(inToken token: [UInt8]) {
    guard let keys = Self(inInitialToken: token) ?? Self(inNegotiationToken: token) else { return nil }
    self = keys
  }

  /// AP-REQ: version, message type, options, ticket, authenticator. Ticket: version, realm, server name, encrypted part.
  private init?(request: ArraySlice<UInt8>) {
    var reader = DERReader(request)
    guard var fields = reader.nested(0x6e, 0x30), reader.isAtEnd, fields.integer(explicit: 0xa0) == 5,
      fields.integer(explicit: 0xa1) == 14, fields.element(0xa2) != nil,
      var ticket = fields.nested(0xa3, 0x61, 0x30), var authenticator = fields.nested(0xa4, 0x30)
    else { return nil }
    guard ticket.element(0xa0) != nil, ticket.element(0xa1) != nil, ticket.element(0xa2) != nil,
      var encrypted = ticket.nested(0xa3, 0x30), let key = encrypted.integer(explicit: 0xa0),
      let session = authenticator.integer(explicit: 0xa0)
    else { return nil }
    self.ticket = key
    self.session = session
  }
}
