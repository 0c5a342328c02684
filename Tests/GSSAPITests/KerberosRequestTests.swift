import Testing
import ThrowawayRealm

@testable import GSSAPI

/// The ticket's server name, read from tokens without the library.
@Suite struct KerberosRequestTests {
  // MARK: What is read

  @Test(arguments: [
    (["socks", "gw.test"], "R.TEST", "socks/gw.test@R.TEST"),
    (["gw$"], "AD.TEST", "gw$@AD.TEST"),
    (["a", "b", "c"], "", "a/b/c@"),
    ([""], "R", "@R"),
    (["socks", "a/b@c\\d"], "R@S/T", "socks/a\\/b\\@c\\\\d@R\\@S\\/T"),
    (["\t\n\u{8}\0"], "R", "\\t\\n\\b\\0@R"),
    (Array(repeating: "x", count: 16), "R", Array(repeating: "x", count: 16).joined(separator: "/") + "@R"),
  ])
  func namesAreRead(_ components: [String], _ realm: String, _ text: String) throws {
    let request = RequestEncoder(realm: Array(realm.utf8), components: components.map { Array($0.utf8) })
    let expected = try #require(
      KerberosTicketServer(realm: Array(realm.utf8), nameType: 2, components: components.map { Array($0.utf8) }))
    #expect(expected.description == text)
    #expect(KerberosTicketServer(inInitialToken: request.token) == expected)
    #expect(KerberosTicketServer(inInitialToken: request.request) == expected)
    #expect(KerberosTicketServer(inNegotiationToken: request.negotiationToken) == expected)
    #expect(KerberosTicketServer(inNegotiationToken: request.laterNegotiationToken) == expected)
  }

  @Test(arguments: [Int32.min, -130, -1, 0, 1, 2, 10, 127, 128, 65_536, Int32.max])
  func nameTypesAreRead(_ type: Int32) throws {
    let request = RequestEncoder(nameType: type)
    #expect(try #require(KerberosTicketServer(inInitialToken: request.token)).nameType == type)
  }

  @Test func bytesThatAreNotTextAreKept() throws {
    let request = RequestEncoder(realm: [0xff, 0x00], components: [[0xc3], [0x28, 0xfe]])
    let server = try #require(KerberosTicketServer(inInitialToken: request.token))
    #expect(server.realm == [0xff, 0x00])
    #expect(server.components == [[0xc3], [0x28, 0xfe]])
  }

  @Test func otherIdentifiersOfKerberosAreRead() {
    for identifier: [UInt8] in [
      [0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02], [0x2b, 0x05, 0x01, 0x05, 0x02],
    ] {
      let token = RequestEncoder(identifier: identifier).token
      #expect(KerberosTicketServer(inInitialToken: token)?.description == "socks/gw.test@R.TEST")
    }
  }

  @Test func lengthsWithLeadingZerosAreRead() {
    let request = RequestEncoder(paddedLengths: true)
    #expect(KerberosTicketServer(inInitialToken: request.token)?.description == "socks/gw.test@R.TEST")
  }

  // MARK: What is not

  @Test func limitsHold() throws {
    let long = [UInt8](repeating: 0x61, count: KerberosTicketServer.maximumLength)
    let parts = Array(repeating: [UInt8(0x61)], count: KerberosTicketServer.maximumComponents)
    #expect(KerberosTicketServer(inInitialToken: RequestEncoder(realm: long, components: [long]).token) != nil)
    for request in [
      RequestEncoder(components: []), RequestEncoder(components: parts + [[0x61]]),
      RequestEncoder(components: [long + [0x61]]), RequestEncoder(realm: long + [0x61]),
      RequestEncoder(components: Array(repeating: [], count: 30_000)),
    ] {
      #expect(KerberosTicketServer(inInitialToken: request.token) == nil)
    }
    #expect(KerberosTicketServer(realm: [], nameType: 0, components: []) == nil)
    #expect(KerberosTicketServer(realm: [], nameType: 0, components: parts + [[]]) == nil)
    #expect(KerberosTicketServer(realm: long + [0], nameType: 0, components: [[]]) == nil)
  }

  @Test func otherMessagesAreNotRead() {
    for request in [
      RequestEncoder(identifier: GSSMechanism.spnego.octets), RequestEncoder(tokenIdentifier: [0x02, 0x00]),
      RequestEncoder(tokenIdentifier: [0x04, 0x00]), RequestEncoder(tokenIdentifier: []), RequestEncoder(version: 4),
      RequestEncoder(messageType: 15), RequestEncoder(ticketVersion: 4),
    ] {
      #expect(KerberosTicketServer(inInitialToken: request.token) == nil)
      #expect(KerberosTicketServer(inNegotiationToken: request.token) == nil)
    }
    let request = RequestEncoder()
    #expect(KerberosTicketServer(inInitialToken: request.token + [0]) == nil)
    #expect(KerberosTicketServer(inInitialToken: request.negotiationToken) == nil)
    #expect(KerberosTicketServer(inInitialToken: Array("NTLMSSP\0".utf8)) == nil)
    #expect(KerberosTicketServer(inNegotiationToken: request.negotiationToken + [0]) == nil)
    #expect(KerberosTicketServer(inNegotiationToken: RequestEncoder.negotiationWithoutToken) == nil)
  }

  /// Neither an infinite length, nor one that goes around, nor one behind the end.
  @Test func lengthsBehindTheEndAreNotFollowed() {
    for length: [UInt8] in [
      [0x80], [0x84, 0xff, 0xff, 0xff, 0xff], [0x84, 0x7f, 0xff, 0xff, 0xff], [0x85, 1, 0, 0, 0, 0],
      [0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0xff], [0x7f], [0x82, 0xff], [0x81],
    ] {
      for tag: UInt8 in [0x60, 0x6e, 0xa0, 0xa1] {
        #expect(KerberosTicketServer(inInitialToken: [tag] + length + [0x06]) == nil)
        #expect(KerberosTicketServer(inNegotiationToken: [tag] + length + [0x06]) == nil)
      }
    }
  }

  // MARK: Bytes from strangers

  /// A cut token is never read as a whole one: the lengths around it no longer fit.
  @Test func everyCutIsRefused() {
    let request = RequestEncoder()
    for token in [request.token, request.request, request.negotiationToken, request.laterNegotiationToken] {
      for count in token.indices {
        let cut = Array(token.prefix(count))
        #expect(KerberosTicketServer(inInitialToken: cut) == nil)
        #expect(KerberosTicketServer(inNegotiationToken: cut) == nil)
      }
    }
  }

  @Test func randomBytesAreRefused() {
    var generator = SteadyGenerator(seed: 10)
    let starts: [[UInt8]] = [[], [0x60], [0x6e], [0xa0], [0xa1, 0x82], Array(RequestEncoder().token.prefix(17))]
    for _ in 0..<20_000 {
      let count = Int.random(in: 0...200, using: &generator)
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let token = (starts.randomElement(using: &generator) ?? []) + bytes
      #expect(KerberosTicketServer(inInitialToken: token) == nil)
      #expect(KerberosTicketServer(inNegotiationToken: token) == nil)
    }
  }

  /// Whatever is read of an altered token lies within the bounds, and is in the token.
  @Test func alteredTokensStayWithinBounds() async throws {
    var tokens = [RequestEncoder().token, RequestEncoder().negotiationToken, RequestEncoder().laterNegotiationToken]
    let fixture = try await KerberosFixture.ready()
    tokens.append(try firstToken(of: fixture.initiator()))
    tokens.append(try firstToken(of: fixture.initiator(.spnego)))
    var generator = SteadyGenerator(seed: 11)
    for token in tokens {
      for _ in 0..<4_000 {
        var altered = token
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
          // The interesting part is in front.
          let index = Int.random(in: 0..<min(200, altered.count), using: &generator)
          switch Int.random(in: 0..<3, using: &generator) {
          case 0: altered[index] = UInt8.random(in: 0...255, using: &generator)
          case 1: altered.remove(at: index)
          default: altered.insert(UInt8.random(in: 0...255, using: &generator), at: index)
          }
        }
        let servers = [
          KerberosTicketServer(inInitialToken: altered), KerberosTicketServer(inNegotiationToken: altered),
        ]
        for server in servers.compactMap(\.self) {
          #expect((1...KerberosTicketServer.maximumComponents).contains(server.components.count))
          for part in server.components + [server.realm] where !part.isEmpty {
            #expect(part.count <= KerberosTicketServer.maximumLength && altered.contains(part))
          }
        }
      }
    }
  }

  // MARK: The library's tokens

  @Test(arguments: [GSSMechanism.krb5, .spnego])
  func tokensOfTheLibraryAreRead(_ mechanism: GSSMechanism) async throws {
    let fixture = try await KerberosFixture.ready()
    let token = try firstToken(of: fixture.initiator(mechanism))
    let server =
      mechanism == .krb5
      ? KerberosTicketServer(inInitialToken: token) : KerberosTicketServer(inNegotiationToken: token)
    #expect(server?.description == "socks/gate.test@\(fixture.realm.name)")
    #expect(server?.components == [Array("socks".utf8), Array("gate.test".utf8)])
  }

  private func firstToken(of initiator: consuming GSSInitiator) throws -> [UInt8] {
    switch try initiator.step(nil) {
    case .continueNeeded(_, let token): return token
    case .complete(_, let token): return try #require(token)
    }
  }
}

/// Writes AP-REQ messages and what is around them, right and wrong.
private struct RequestEncoder {
  var realm = Array("R.TEST".utf8)
  var nameType: Int32 = 2
  var components = [Array("socks".utf8), Array("gw.test".utf8)]
  var identifier = GSSMechanism.krb5.octets
  var tokenIdentifier: [UInt8] = [0x01, 0x00]
  var version: UInt8 = 5
  var messageType: UInt8 = 14
  var ticketVersion: UInt8 = 5
  var paddedLengths = false

  var request: [UInt8] {
    let strings = components.flatMap { element(0x1b, $0) }
    let name = element(0x30, element(0xa0, integer(nameType)) + element(0xa1, element(0x30, strings)))
    let sealed = element(0x30, element(0xa0, integer(18)) + element(0xa2, element(0x04, [1, 2, 3, 4])))
    let ticket = element(
      0x61,
      element(
        0x30,
        element(0xa0, integer(Int32(ticketVersion))) + element(0xa1, element(0x1b, realm)) + element(0xa2, name)
          + element(0xa3, sealed)))
    let fields =
      element(0xa0, integer(Int32(version))) + element(0xa1, integer(Int32(messageType)))
      + element(0xa2, element(0x03, [0, 0x20, 0, 0, 0])) + element(0xa3, ticket) + element(0xa4, sealed)
    return element(0x6e, element(0x30, fields))
  }

  var token: [UInt8] { element(0x60, element(0x06, identifier) + tokenIdentifier + request) }

  var negotiationToken: [UInt8] {
    let types = element(0xa0, element(0x30, element(0x06, GSSMechanism.krb5.octets)))
    let start = element(0xa0, element(0x30, types + element(0xa2, element(0x04, token))))
    return element(0x60, element(0x06, GSSMechanism.spnego.octets) + start)
  }

  var laterNegotiationToken: [UInt8] {
    element(0xa1, element(0x30, element(0xa0, element(0x0a, [1])) + element(0xa2, element(0x04, token))))
  }

  static var negotiationWithoutToken: [UInt8] {
    let encoder = RequestEncoder()
    let types = encoder.element(0xa0, encoder.element(0x30, encoder.element(0x06, GSSMechanism.krb5.octets)))
    let start = encoder.element(0xa0, encoder.element(0x30, types))
    return encoder.element(0x60, encoder.element(0x06, GSSMechanism.spnego.octets) + start)
  }

  private func integer(_ value: Int32) -> [UInt8] {
    var bytes = (0..<4).reversed().map { UInt8(UInt32(bitPattern: value) >> ($0 * 8) & 0xff) }
    while bytes.count > 1, bytes[0] == (bytes[1] < 0x80 ? 0x00 : 0xff) { bytes.removeFirst() }
    return element(0x02, bytes)
  }

  private func element(_ tag: UInt8, _ contents: [UInt8]) -> [UInt8] {
    let count = contents.count
    let bytes = [24, 16, 8, 0].map { UInt8(count >> $0 & 0xff) }
    if paddedLengths { return [tag, 0x84] + bytes + contents }
    guard count >= 0x80 else { return [tag, UInt8(count)] + contents }
    let length = Array(bytes.drop { $0 == 0 })
    return [tag, 0x80 | UInt8(length.count)] + length + contents
  }
}

/// The same numbers in each run (SplitMix64).
private struct SteadyGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
    return word ^ word >> 31
  }
}
