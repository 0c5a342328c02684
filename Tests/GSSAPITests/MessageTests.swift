import GSSAPI
import Testing

@Suite struct MessageTests {
  @Test(arguments: [false, true])
  func everySizeCrossesBothWays(confidential: Bool) async throws {
    var pair = try await KerberosFixture.ready().established()
    var expected: UInt64?
    for count in 0...300 {
      let plaintext = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 + count) }
      let (token, sealed) = try pair.initiator.wrap(plaintext, confidential: confidential)
      #expect(sealed == confidential)
      #expect(token.count == count + (confidential ? 60 : 28))
      #expect(KerberosTokenHeader(token)?.rightRotationCount == 0)
      let (opened, message) = try pair.acceptor.unwrap(token)
      #expect(opened == plaintext && message.plaintextLength == count)
      #expect(message.confidential == confidential && message.status.isEmpty)
      let number = try #require(message.sequenceNumber)
      #expect(expected == nil || number == expected)
      expected = number + 1

      let back = try pair.acceptor.wrap(plaintext, confidential: confidential).token
      #expect(try pair.initiator.unwrap(back).plaintext == plaintext)
    }
  }

  @Test func theLargestPlaintextIsExact() async throws {
    var pair = try await KerberosFixture.ready().established()
    for (confidential, largest) in [(false, 65_507), (true, 65_475)] {
      #expect(try pair.initiator.maximumPlaintext(tokenLimit: 65_535, confidential: confidential) == largest)
      for count in [largest, largest + 1] {
        let plaintext = [UInt8](repeating: 0xa5, count: count)
        let token = try pair.initiator.wrap(plaintext, confidential: confidential).token
        #expect(token.count == 65_535 + count - largest)
        let (opened, message) = try pair.acceptor.unwrap(token)
        #expect(opened == plaintext && message.status.isEmpty)
      }
    }
    #expect(try pair.initiator.maximumPlaintext(tokenLimit: 0, confidential: true) == 0)
    #expect(try pair.initiator.maximumPlaintext(tokenLimit: 60, confidential: true) == 0)
    #expect(try pair.initiator.maximumPlaintext(tokenLimit: 61, confidential: true) == 1)
    let negative = failure { try pair.initiator.maximumPlaintext(tokenLimit: -1, confidential: true) }
    #expect(negative?.isMisuse == true)
    let excessive = failure { try pair.initiator.maximumPlaintext(tokenLimit: .max, confidential: true) }
    #expect(excessive?.isMisuse == true)
  }

  @Test func signedMessagesAreToldFromSealedOnes() async throws {
    var pair = try await KerberosFixture.ready().established()
    let signed = try pair.initiator.wrap([1], confidential: false).token
    let sealed = try pair.initiator.wrap([2], confidential: true).token
    #expect(try pair.acceptor.unwrap(signed).message.confidential == false)
    #expect(try pair.acceptor.unwrap(sealed).message.confidential == true)
    #expect(KerberosTokenHeader(signed)?.flags.contains(.sealed) == false)
    #expect(KerberosTokenHeader(sealed)?.flags.contains(.sealed) == true)
  }

  /// The library scrambles the memory of a signed token; an array that shares its storage must not notice.
  @Test(arguments: [false, true])
  func theTokenGivenStaysAsItIs(confidential: Bool) async throws {
    var pair = try await KerberosFixture.ready().established()
    let token = try pair.initiator.wrap([UInt8](repeating: 7, count: 1_000), confidential: confidential).token
    let shared = token
    let octets = Array(token.map { $0 })
    #expect(try pair.acceptor.unwrap(token).message.status.isEmpty)
    #expect(token == octets && shared == octets)
    #expect(try pair.acceptor.unwrap(shared).message.status == .duplicate)
  }

  @Test func repeatedMissingAndSwappedMessagesAreTold() async throws {
    var pair = try await KerberosFixture.ready().established()
    let tokens = try (0..<4).map { try pair.initiator.wrap([UInt8($0)], confidential: true).token }
    #expect(try pair.acceptor.unwrap(tokens[0]).message.status == [])
    #expect(try pair.acceptor.unwrap(tokens[0]).message.status == .duplicate)
    #expect(try pair.acceptor.unwrap(tokens[2]).message.status == .gap)
    #expect(try pair.acceptor.unwrap(tokens[1]).message.status == .unsequenced)
    let (plaintext, message) = try pair.acceptor.unwrap(tokens[3])
    #expect(plaintext == [3] && message.status == [])
  }

  @Test func messagesOlderThanTheWindowAreTold() async throws {
    var pair = try await KerberosFixture.ready().established(flags: [.mutual, .replay, .integrity, .confidentiality])
    let first = try pair.initiator.wrap([0], confidential: true).token
    for _ in 0..<80 {
      let token = try pair.initiator.wrap([1], confidential: true).token
      #expect(try pair.acceptor.unwrap(token).message.status == [])
    }
    #expect(try pair.acceptor.unwrap(first).message.status == .old)
  }

  @Test func withoutServicesTheNumberAloneTells() async throws {
    var pair = try await KerberosFixture.ready().established(flags: [.mutual])
    let token = try pair.initiator.wrap([0], confidential: true).token
    let first = try pair.acceptor.unwrap(token).message
    let again = try pair.acceptor.unwrap(token).message
    #expect(again.status == [] && again.sequenceNumber == first.sequenceNumber)
  }
}
