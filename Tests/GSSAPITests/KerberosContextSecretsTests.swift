import GSSAPI
import Testing

@Suite struct KerberosContextSecretsTests {
  @Test func bothEndsHoldTheSameKey() async throws {
    var pair = try await KerberosFixture.ready().established()
    guard let mine = pair.initiator.kerberosSecrets(), let theirs = pair.acceptor.kerberosSecrets() else {
      Issue.record("no secrets")
      return
    }
    let (isInitiator, isOtherInitiator) = (mine.isInitiator, theirs.isInitiator)
    #expect(isInitiator && !isOtherInitiator)
    let (hasSubkey, hasOtherSubkey) = (mine.isAcceptorSubkey, theirs.isAcceptorSubkey)
    #expect(hasSubkey && hasOtherSubkey)
    let type = mine.encryptionType
    #expect(type == pair.initiator.sessionKeyEncryptionType)
    let otherType = theirs.encryptionType
    #expect(otherType == type)
    let key = mine.withKey(octets)
    #expect(key.count == 32 && key.contains { $0 != 0 })
    let otherKey = theirs.withKey(octets)
    #expect(otherKey == key)
    let endTime = mine.endTime
    #expect(endTime > 0)
  }

  @Test func theContextGoesOnAndCounts() async throws {
    var pair = try await KerberosFixture.ready().established()
    for _ in 0..<3 {
      let next = pair.initiator.kerberosSecrets()?.nextSendNumber
      let token = try pair.initiator.wrap([1, 2, 3], confidential: true).token
      #expect(KerberosTokenHeader(token)?.sequenceNumber == next)
      let (plaintext, message) = try pair.acceptor.unwrap(token)
      #expect(plaintext == [1, 2, 3] && message.status.isEmpty)
      _ = pair.acceptor.kerberosSecrets()
    }
  }

  private func octets(_ span: RawSpan) -> [UInt8] {
    var octets: [UInt8] = []
    for index in 0..<span.byteCount { octets.append(unsafe span.unsafeLoad(fromByteOffset: index, as: UInt8.self)) }
    return octets
  }
}
