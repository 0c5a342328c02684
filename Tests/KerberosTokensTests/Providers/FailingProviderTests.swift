import CKerberosCiphers
import Testing

@testable import KerberosTokens

/// libcrypto, until something is to go wrong.
private final class FailingCiphers: BatchCiphers {
  enum Fault { case nothing, prepare, cipher, hash, wrongCipher, wrongHash }

  var fault = Fault.nothing
  private let portable = PortableCiphers()

  func prepare(_ keys: borrowing DirectionKeys) -> Bool { fault != .prepare && portable.prepare(keys) }

  func cipher(_ jobs: UnsafeMutableBufferPointer<ckc_cipher_job>) -> Bool {
    guard fault != .cipher, unsafe portable.cipher(jobs) else { return false }
    if fault == .wrongCipher, let last = unsafe jobs.last { unsafe last.target[last.length - 1] ^= 1 }
    return true
  }

  func hash(_ jobs: UnsafeMutableBufferPointer<ckc_hash_job>) -> Bool {
    guard fault != .hash, unsafe portable.hash(jobs) else { return false }
    if fault == .wrongHash, jobs.count > 0 { unsafe jobs[jobs.count - 1].checksum.0 ^= 1 }
    return true
  }
}

@Suite struct FailingProviderTests {
  @Test(arguments: EncryptionType.allCases, [false, true])
  func aFailureEndsSendingAndOpensNothing(type: EncryptionType, sealed: Bool) throws {
    for fault in [FailingCiphers.Fault.cipher, .hash] where sealed || fault == .hash {
      let ciphers = FailingCiphers()
      var pair = try SessionPair(type, provider: CipherProvider(ciphers, name: "failing"))
      let tokens = try pair.initiator.wrap([[1], [2]], sealed: sealed)
      ciphers.fault = fault
      #expect(throws: TokenSessionError.cipherFailed) { try pair.initiator.wrap([[1], [2]], sealed: sealed) }
      #expect(pair.acceptor.open(tokens) == [.failure(.cipherFailed), .failure(.cipherFailed)])
      ciphers.fault = .nothing
      // The session that failed to send sends no more; opening goes on.
      #expect(throws: TokenSessionError.sendingIsOver) { try pair.initiator.wrap([[1]], sealed: sealed) }
      #expect(pair.acceptor.open(tokens) == [.success([1]), .success([2])])
    }
  }

  @Test func keysThatCannotBePreparedMakeNoSession() throws {
    let ciphers = FailingCiphers()
    ciphers.fault = .prepare
    #expect(throws: TokenSessionError.cipherFailed) {
      try SessionPair(.aes256SHA1, provider: CipherProvider(ciphers, name: "failing")).initiator.endTime
    }
  }

  @Test func tooLittleRoomSpendsNothing() throws {
    var pair = try SessionPair(.aes256SHA1, order: .next(7))
    let needed = 10 + 60 + TokenSession.spareOctets
    for room in 0..<needed {
      #expect(throws: TokenSessionError.tooLittleRoom) {
        try pair.initiator.wrap([UInt8](repeating: 1, count: 10), [0..<10], sealed: true, room: room)
      }
    }
    let token = try pair.initiator.wrap([UInt8](repeating: 1, count: 10), [0..<10], sealed: true, room: needed)
    #expect(pair.acceptor.open([token]) == [.success([UInt8](repeating: 1, count: 10))])
  }

  @Test func piecesOutsideThePlaintextAreRefused() throws {
    var pair = try SessionPair(.aes256SHA1)
    for piece in [-1..<2, 0..<4, 3..<Int.max] {
      #expect(throws: TokenSessionError.wrongPiece) {
        try pair.initiator.wrap([1, 2, 3], [piece], sealed: true, room: 500)
      }
    }
    let long = [UInt8](repeating: 1, count: 65_476)
    #expect(pair.initiator.maximumPlaintext(sealed: true) == 65_475)
    #expect(throws: TokenSessionError.wrongPiece) { try pair.initiator.wrap([long], sealed: true) }
    let token = try pair.initiator.wrap([Array(long.dropLast())], sealed: true)
    #expect(token[0].count == 65_535 && pair.acceptor.open(token) == [.success(Array(long.dropLast()))])
  }

  @Test func aProviderThatIsWrongIsPassedOver() throws {
    for fault in [FailingCiphers.Fault.prepare, .cipher, .hash, .wrongCipher, .wrongHash] {
      let selection = ProviderSelection.select([ProviderRecipe(.multiBuffer), .portable], against: try .library()) {
        recipe throws(ProviderUnavailable) in
        guard recipe.library == .multiBuffer else { return try recipe.makeProvider() }
        let ciphers = FailingCiphers()
        ciphers.fault = fault
        return CipherProvider(ciphers, name: "failing")
      }
      #expect(selection.chosen?.recipe == .portable)
      #expect(selection.passedOver.map(\.failedSelfTest) == [true])
      #expect(selection.passedOver.first?.reason.hasPrefix("failing failed its self-test: ") ?? false)
    }
  }

  @Test func aProviderThatIsNotThereIsPassedOver() throws {
    let selection = ProviderSelection.select([ProviderRecipe(.multiBuffer), .portable], against: try .library()) {
      recipe throws(ProviderUnavailable) in
      guard recipe.library == .portable else { throw .notInstalled }
      return try recipe.makeProvider()
    }
    #expect(selection.chosen?.recipe == .portable && selection.chosen?.name.hasPrefix("libcrypto 3.") ?? false)
    #expect(selection.passedOver.map(\.failedSelfTest) == [false])
  }

  @Test func theReferenceIsBelieved() throws {
    var reference = try ReferenceCryptography.library()
    reference.checksum = { _, _, _, _ in [UInt8](repeating: 0, count: 12) }
    let selection = ProviderSelection.select([.portable], against: reference)
    #expect(selection.chosen == nil && selection.passedOver.count == 1)
  }
}
