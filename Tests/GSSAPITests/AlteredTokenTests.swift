import GSSAPI
import Testing

@Suite struct AlteredTokenTests {
  /// RRC says how far the body is rotated. Kerberos leaves it unprotected, so another value may be the same token.
  private static let rotationCount = 6..<8

  @Test(arguments: [false, true])
  func everyFlippedBitIsRefused(confidential: Bool) async throws {
    var pair = try await KerberosFixture.ready().established()
    let plaintext = Array("the plaintext".utf8)
    let token = try pair.initiator.wrap(plaintext, confidential: confidential).token
    for position in token.indices {
      for bit in 0..<8 {
        var altered = token
        altered[position] ^= 1 << bit
        do throws(GSSError) {
          let opened = try pair.acceptor.unwrap(altered)
          #expect(Self.rotationCount.contains(position), "octet \(position), bit \(bit) was accepted")
          #expect(opened.plaintext == plaintext)
        } catch {
          #expect([.badSignature, .defectiveToken].contains(error.code), "octet \(position), bit \(bit): \(error)")
        }
      }
    }
    #expect(try pair.acceptor.unwrap(token).plaintext == plaintext)
  }

  @Test(arguments: [false, true])
  func everyTruncationAndExtensionIsRefused(confidential: Bool) async throws {
    var pair = try await KerberosFixture.ready().established()
    let token = try pair.initiator.wrap([UInt8](repeating: 3, count: 40), confidential: confidential).token
    for count in 0..<token.count {
      let shorter = Array(token.prefix(count))
      #expect(failure { try pair.acceptor.unwrap(shorter) } != nil)
    }
    #expect(failure { try pair.acceptor.unwrap(token + [0]) } != nil)
    #expect(try pair.acceptor.unwrap(token).message.status == [])
  }

  @Test func aReflectedTokenIsRefused() async throws {
    var pair = try await KerberosFixture.ready().established()
    let token = try pair.initiator.wrap([1], confidential: true).token
    let error = failure { try pair.initiator.unwrap(token) }
    #expect(error != nil)
  }

  @Test func aTokenOfAnotherContextIsRefused() async throws {
    let fixture = try await KerberosFixture.ready()
    var one = try fixture.established()
    var other = try fixture.established()
    let token = try one.initiator.wrap([1], confidential: true).token
    #expect(failure { try other.acceptor.unwrap(token) }?.code == .badSignature)
  }
}
