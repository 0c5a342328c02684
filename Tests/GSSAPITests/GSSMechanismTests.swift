import Testing

@testable import GSSAPI

@Suite struct GSSMechanismTests {
  @Test func knownMechanismsHaveNames() {
    #expect(GSSMechanism.krb5.description == "1.2.840.113554.1.2.2 (krb5)")
    #expect(GSSMechanism.spnego.description == "1.3.6.1.5.5.2 (spnego)")
    #expect(GSSMechanism(octets: [0x2a, 0x03]).description == "1.2.3")
    #expect(GSSMechanism(octets: [0x88, 0x37, 0x03]).dotted == "2.999.3")
  }

  @Test(arguments: [
    [], [0x80], [0x2a, 0x86], [0x2a, 0x80, 0x01], [UInt8](repeating: 0xff, count: 10) + [0x7f],
    [UInt8](repeating: 0x01, count: 129),
  ])
  func malformedIdentifiersHaveNoText(octets: [UInt8]) {
    let mechanism = GSSMechanism(octets: octets)
    #expect(mechanism.dotted == nil)
    #expect(mechanism.description == "malformed object identifier of \(octets.count) bytes")
  }

  @Test func theEncryptionTypeIsTheLastArc() {
    let prefix: [UInt8] = GSSMechanism.krb5.octets + [0x04]
    #expect(SessionKey.encryptionType(identifier: prefix + [0x12]) == 18)
    #expect(SessionKey.encryptionType(identifier: prefix + [0x81, 0x00]) == 128)
    #expect(SessionKey.encryptionType(identifier: prefix) == nil)
    #expect(SessionKey.encryptionType(identifier: prefix + [0x12, 0x01]) == nil)
    #expect(SessionKey.encryptionType(identifier: prefix + [0x92]) == nil)
    #expect(SessionKey.encryptionType(identifier: GSSMechanism.krb5.octets + [0x05, 0x12]) == nil)
    #expect(SessionKey.encryptionType(identifier: prefix + [0x88, 0x80, 0x80, 0x80, 0x00]) == nil)
  }

  @Test func theFirstTokenNamesItsMechanism() {
    let body: [UInt8] = [0x06, 0x09] + GSSMechanism.krb5.octets + [0x01, 0x00]
    #expect(InitialToken.mechanism([0x60, 0x0d] + body) == .krb5)
    #expect(InitialToken.mechanism([0x60, 0x82, 0x00, 0x0d] + body) == .krb5)
    let whole: [UInt8] = [0x60, 0x82, 0x00, 0x0d] + body
    for count in 0..<15 { #expect(InitialToken.mechanism(Array(whole.prefix(count))) == nil) }
    #expect(InitialToken.mechanism([0x60, 0x80] + body) == nil)
    #expect(InitialToken.mechanism([0x60, 0x85, 0, 0, 0, 0, 0x0d] + body) == nil)
    #expect(InitialToken.mechanism([0x61, 0x0d] + body) == nil)
    #expect(InitialToken.mechanism([0x60, 0x0d, 0x05] + body.dropFirst()) == nil)
  }
}
