internal import CKerberosCiphers

extension ProviderSelfTest {
  /// Folding, derived keys, and ciphertext stealing, from the RFCs' appendices.
  mutating func compareVectors() throws(SelfTestFailure) {
    for vector in Vectors.folded {
      let folded = NFold.fold(Array(vector.input.utf8), to: vector.result.count)
      try check(folded == vector.result, "RFC 3961, appendix A.1: \(vector.input)")
    }
    for vector in Vectors.derived {
      var key = [UInt8](repeating: 0, count: vector.result.count)
      let done = unsafe key.withUnsafeMutableBytes { target in
        unsafe vector.key.withUnsafeBytes { base in
          unsafe KeyDerivation.derive(from: base, type: vector.type, usage: 2, purpose: vector.purpose, to: target)
        }
      }
      try check(done && key == vector.result, "RFC 8009, appendix A: key of \(vector.type) for \(vector.purpose)")
    }
    for (input, output) in Vectors.stolen {
      try compareStealing(input, output)
    }
  }

  /// RFC 3962, appendix B, through the provider, both ways.
  private mutating func compareStealing(_ input: [UInt8], _ output: [UInt8]) throws(SelfTestFailure) {
    let stealing = CiphertextStealing(start: 0, length: input.count)
    for enciphering in [true, false] {
      guard let keys = DirectionKeys(cipherKey: Vectors.stealingKey, enciphering: enciphering),
        provider.ciphers.prepare(keys)
      else { throw SelfTestFailure("no keys") }
      var octets = enciphering ? input : output
      octets += [UInt8](repeating: 0, count: stealing.paddedLength - octets.count)
      let done = unsafe octets.withUnsafeMutableBytes { memory -> Bool in
        guard let base = memory.baseAddress else { return false }
        let token = unsafe TokenMemory(base: base, count: memory.count)
        return enciphering ? encipher(token, stealing, keys) : decipher(token, stealing, keys)
      }
      try check(
        done && octets.starts(with: enciphering ? output : input),
        "RFC 3962, appendix B: \(input.count) octets \(enciphering ? "enciphered" : "deciphered")")
    }
  }

  private func encipher(_ token: TokenMemory, _ stealing: CiphertextStealing, _ keys: borrowing DirectionKeys) -> Bool {
    stealing.pad(token)
    guard cipher(token.part(0..<stealing.paddedLength), keys) else { return false }
    stealing.swapEnciphered(token)
    return true
  }

  private func decipher(_ token: TokenMemory, _ stealing: CiphertextStealing, _ keys: borrowing DirectionKeys) -> Bool {
    let block = provider.bench.blocks.part(0..<CiphertextStealing.blockLength)
    token.copy(stealing.penultimate..<stealing.last, to: 0, of: block)
    guard cipher(block, keys) else { return false }
    stealing.restoreOrder(token, deciphered: block.block(at: 0))
    return cipher(token.part(0..<stealing.paddedLength), keys)
  }

  private func cipher(_ memory: TokenMemory, _ keys: borrowing DirectionKeys) -> Bool {
    let octets = unsafe memory.pointer(0..<memory.count).assumingMemoryBound(to: UInt8.self)
    var job = unsafe ckc_cipher_job(keys: keys.raw, source: octets, target: octets, length: memory.count)
    return unsafe withUnsafeMutablePointer(to: &job) { job in
      unsafe provider.ciphers.cipher(UnsafeMutableBufferPointer(start: job, count: 1))
    }
  }
}

extension DirectionKeys {
  /// A key of AES-128 as it is, for a vector.
  fileprivate init?(cipherKey: [UInt8], enciphering: Bool) {
    guard cipherKey.count == 16 else { return nil }
    let keys = unsafe ckc_keys_create(CKC_SHA1, enciphering ? 1 : 0, 16, 16, cipherKey, cipherKey, cipherKey)
    guard let keys = unsafe keys else { return nil }
    unsafe self.init(raw: keys)
  }
}
