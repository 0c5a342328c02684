import Testing

@testable import KerberosTokens

/// What is moved about without any cryptography.
@Suite struct RearrangementTests {
  private func with(_ octets: inout [UInt8], _ body: (TokenMemory) -> Void) {
    unsafe octets.withUnsafeMutableBytes { memory in
      guard let base = memory.baseAddress else { return }
      body(unsafe TokenMemory(base: base, count: memory.count))
    }
  }

  @Test func everyRotationIsUndone() {
    for length in 0..<40 {
      let token = (0..<16 + length).map { UInt8($0) }
      for count: UInt16 in [0, 1, 2, 12, 15, 16, 17, 28, 39, 40, 41, 80, 1_000, 65_534, 65_535] {
        var octets = rotated(token, by: count)
        var scratch = [UInt8](repeating: 0, count: 100)
        with(&octets) { memory in
          with(&scratch) { TokenRotation.undo(memory, rightRotationCount: count, scratch: $0) }
        }
        #expect(octets[16...] == token[16...], "\(length) octets by \(count)")
      }
    }
  }

  /// The order of blocks alone: a cipher that changes nothing, and a stolen block that says what it is.
  @Test func stealingSwapsAndRestores() {
    for length in 17...100 {
      let stealing = CiphertextStealing(start: 3, length: length)
      #expect(stealing.paddedLength % 16 == 0 && (0..<16).contains(stealing.paddedLength - length))
      let enciphered = (0..<120).map { UInt8($0) }
      var octets = enciphered
      with(&octets) { stealing.swapEnciphered($0) }
      let last = Array(enciphered[stealing.last..<stealing.last + 16])
      let penultimate = Array(enciphered[stealing.penultimate..<stealing.last])
      #expect(Array(octets[stealing.penultimate..<stealing.last]) == last)
      #expect(Array(octets[stealing.last..<3 + length]) == Array(penultimate.prefix(stealing.lastLength)))
      #expect(octets[(3 + length)...] == enciphered[(3 + length)...], "octets behind are left")
      #expect(octets[..<stealing.penultimate] == enciphered[..<stealing.penultimate])

      // Behind the ciphertext stands something else when it comes.
      for place in 3 + length..<120 { octets[place] = 0xcc }
      var deciphered = CipherBlock()
      for index in 0..<16 { deciphered[index] = index < stealing.lastLength ? 0xdd : penultimate[index] }
      with(&octets) { stealing.restoreOrder($0, deciphered: deciphered) }
      let end = 3 + stealing.paddedLength
      #expect(octets[3..<end] == enciphered[3..<end])
      #expect(octets[end...].allSatisfy { $0 == 0xcc })
      with(&octets) { stealing.pad($0) }
      #expect(octets[(3 + length)..<end].allSatisfy { $0 == 0 } && octets[..<(3 + length)].contains(0xdd) == false)
    }
  }

  @Test func plaintextIsCutIntoEqualPieces() {
    for minimum in [0, 1_024, 4_096, 100_000] {
      let split = TokenSplit(minimum: minimum)
      for count in [0, 1, 1_023, 1_024, 1_025, 16_383, 16_384, 16_385, 65_536, 100_001, 262_144, 262_145, 1_048_576] {
        var pieces: [Range<Int>] = []
        split.cut(count, into: &pieces)
        #expect(pieces.reduce(0) { $0 + $1.count } == count)
        #expect(pieces.dropLast().allSatisfy { $0.count == pieces[0].count && $0.count % 16 == 0 })
        #expect(
          pieces.dropLast().allSatisfy {
            TokenSplit.bounds.contains($0.count) && $0.count >= minimum || minimum > 16_384
          })
        #expect(zip(pieces, pieces.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
        #expect(count > 262_144 || pieces.count <= 16)
      }
    }
  }
}
