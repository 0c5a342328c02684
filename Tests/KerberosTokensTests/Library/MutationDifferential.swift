import GSSAPI

@testable import KerberosTokens

/// Altered tokens, given to the library and to the engine, which opens each beside others that are whole.
struct MutationDifferential {
  /// Altered tokens compared.
  private(set) var count = 0
  private(set) var refused = 0
  private(set) var opened = 0

  mutating func compare(
    _ own: inout GSSSecurityContext, _ peer: inout GSSSecurityContext, _ provider: CipherProvider, count: Int
  ) throws {
    var engine = try own.takenOver(provider, order: .judgedByCaller)
    let whole = try (0..<8).map { index in
      try peer.wrap([UInt8](repeating: UInt8(index), count: index * 9), confidential: index % 2 == 0).token
    }
    let end = self.count + count
    while self.count < end {
      let sealed = Bool.random()
      let plaintext = (0..<Int.random(in: 0...120)).map { _ in UInt8.random(in: 0...255) }
      let token = try peer.wrap(plaintext, confidential: sealed).token
      let other = whole.randomElement() ?? token
      // Every bit of every eighth token, and other things that can be done to it.
      var altered: [[UInt8]] = (0..<24).map { _ in Self.alter(token, other) }
      if Int.random(in: 0..<8) == 0 { altered += (0..<token.count * 8).map { Self.flipped(token, $0) } }
      for candidate in altered {
        try compare(candidate, whole, &engine, &own)
      }
    }
  }

  private mutating func compare(
    _ candidate: [UInt8], _ whole: [[UInt8]], _ engine: inout Takeover, _ own: inout GSSSecurityContext
  ) throws {
    var batch = Array(whole.prefix(Int.random(in: 0...4)))
    let place = Int.random(in: 0...batch.count)
    batch.insert(candidate, at: place)
    let results = engine.session.open(batch)
    let librarys = Result { try own.unwrap(candidate).plaintext }
    switch (results[place], librarys) {
    case (.success(let mine), .success(let theirs)) where mine == theirs: opened += 1
    case (.failure, .failure): refused += 1
    default:
      throw TokenDifferential.Difference(
        description: "the engine: \(results[place]), the library: \(librarys), of \(candidate)")
    }
    for (index, result) in results.enumerated() where index != place {
      guard case .success = result else {
        throw TokenDifferential.Difference(description: "a token beside an altered one was refused: \(result)")
      }
    }
    count += 1
  }

  private static func flipped(_ token: [UInt8], _ bit: Int) -> [UInt8] {
    var token = token
    token[bit / 8] ^= 1 << (bit % 8)
    return token
  }

  private static func alter(_ token: [UInt8], _ other: [UInt8]) -> [UInt8] {
    var altered = token
    switch Int.random(in: 0..<9) {
    case 0: return flipped(token, Int.random(in: 0..<token.count * 8))
    case 1: altered.removeLast(Int.random(in: 1...token.count))
    case 2: altered += (0..<Int.random(in: 1...40)).map { _ in UInt8.random(in: 0...255) }
    case 3:
      let extra = Bool.random() ? UInt16.random(in: 0...80) : UInt16.random(in: 0...65_535)
      altered[4] = UInt8(extra >> 8)
      altered[5] = UInt8(extra & 0xff)
    case 4: return rotated(token, by: Bool.random() ? UInt16.random(in: 0...80) : UInt16.random(in: 0...65_535))
    case 5:
      altered[6] = Bool.random() ? 0 : UInt8.random(in: 0...255)
      altered[7] = UInt8.random(in: 0...255)
    case 6:
      for _ in 0..<Int.random(in: 1...8) { altered[Int.random(in: 0..<altered.count)] = UInt8.random(in: 0...255) }
    case 7:
      // Another token's header, or its body.
      altered =
        Bool.random() ? Array(other.prefix(16) + token.dropFirst(16)) : Array(token.prefix(16) + other.dropFirst(16))
    default:
      let blocks = (altered.count - 16) / 16
      guard blocks > 1 else { return altered }
      let (one, two) = (16 + Int.random(in: 0..<blocks) * 16, 16 + Int.random(in: 0..<blocks) * 16)
      for offset in 0..<16 { altered.swapAt(one + offset, two + offset) }
    }
    return altered
  }
}
