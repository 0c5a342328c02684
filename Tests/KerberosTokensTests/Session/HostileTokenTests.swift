import Testing

@testable import KerberosTokens

/// Whatever is given as a token: one that differs anywhere is refused, wiped, and harms no other one.
@Suite struct HostileTokenTests {
  static let providers: [ProviderRecipe] = [.portable, ProviderRecipe(.multiBuffer)]

  @Test(arguments: EncryptionType.allCases, [false, true])
  func everyTruncationAndExtensionIsRefused(type: EncryptionType, sealed: Bool) throws {
    var pair = try SessionPair(type)
    for length in [0, 1, 15, 16, 17, 40] {
      let token = try pair.initiator.wrap([[UInt8](repeating: 1, count: length)], sealed: sealed)[0]
      for count in 0..<token.count {
        guard case .failure = pair.acceptor.open([Array(token.prefix(count))])[0] else {
          Issue.record("\(count) of \(token.count) octets were opened")
          continue
        }
      }
      for extra in 1...20 {
        let longer = token + [UInt8](repeating: 0, count: extra)
        guard case .failure = pair.acceptor.open([longer])[0] else {
          Issue.record("\(extra) octets more were opened")
          continue
        }
      }
    }
  }

  @Test(arguments: EncryptionType.allCases, [false, true])
  func everyBitCounts(type: EncryptionType, sealed: Bool) throws {
    for recipe in Self.providers {
      var pair = try SessionPair(type, provider: try recipe.makeProvider())
      let plaintext = Array("the plaintext".utf8)
      let token = try pair.initiator.wrap([plaintext], sealed: sealed)[0]
      for bit in 0..<token.count * 8 {
        var altered = token
        altered[bit / 8] ^= 1 << (bit % 8)
        // A good token on either side must not be harmed.
        let results = pair.acceptor.open([token, altered, token])
        #expect(results[0] == .success(plaintext) && results[2] == .success(plaintext))
        if (6..<8).contains(bit / 8) {
          // Another rotation count turns other octets, or comes to the same.
          #expect(results[1] == .failure(.wrongChecksum) || results[1] == .success(plaintext))
        } else {
          guard case .failure = results[1] else {
            Issue.record("bit \(bit) does not count")
            continue
          }
        }
      }
    }
  }

  /// The extra count is proved by the sealed copy alone: with another one the plaintext would end elsewhere.
  @Test func aMessageCannotBeShortened() throws {
    for type in EncryptionType.allCases {
      var pair = try SessionPair(type)
      var token = try pair.initiator.wrap([[UInt8](repeating: 9, count: 100)], sealed: true)[0]
      token[5] = 16
      #expect(pair.acceptor.open([token]) == [.failure(.wrongHeaderCopy)])
    }
  }

  @Test func theNumberOfASealedTokenIsProvedByItsCopy() throws {
    for type in EncryptionType.allCases {
      var pair = try SessionPair(type)
      var token = try pair.initiator.wrap([[1]], sealed: true)[0]
      token[15] ^= 1
      #expect(pair.acceptor.open([token]) == [.failure(.wrongHeaderCopy)])
      // A reserved flag is let through to the checksum, and to the copy.
      token[15] ^= 1
      token[2] |= 0x80
      #expect(pair.acceptor.open([token]) == [.failure(.wrongHeaderCopy)])
      var signed = try pair.initiator.wrap([[1]], sealed: false)[0]
      signed[2] |= 0x80
      #expect(pair.acceptor.open([signed]) == [.failure(.wrongChecksum)])
    }
  }

  @Test func everyRotationIsTheSameToken() throws {
    for type in EncryptionType.allCases {
      for sealed in [false, true] {
        var pair = try SessionPair(type)
        let token = try pair.initiator.wrap([Array("rotated".utf8)], sealed: sealed)[0]
        for count: UInt16 in [1, 12, 16, 28, 1_000, 65_535] {
          #expect(pair.acceptor.open([rotated(token, by: count)]) == [.success(Array("rotated".utf8))])
        }
      }
    }
  }

  @Test func reflectedAndForeignTokensAreRefused() throws {
    for sealed in [false, true] {
      var pair = try SessionPair(.aes256SHA1)
      var other = try SessionPair(.aes256SHA1)
      var withoutSubkey = try SessionPair(.aes256SHA1, subkey: false)
      let token = try pair.initiator.wrap([[1]], sealed: sealed)
      #expect(pair.initiator.open(token) == [.failure(.wrongDirection)])
      #expect(other.acceptor.open(token) == [.failure(.wrongChecksum)])
      #expect(withoutSubkey.acceptor.open(token) == [.failure(.wrongKey)])
    }
  }

  @Test func hostileLengthsAreRefused() throws {
    var pair = try SessionPair(.aes256SHA1)
    var long = [UInt8](repeating: 0, count: 65_536)
    long.replaceSubrange(0..<4, with: [0x05, 0x04, 0x06, 0xff])
    #expect(pair.acceptor.open([long]) == [.failure(.tooLong)])
    for length in 0..<200 {
      for flags: UInt8 in [0x04, 0x06] {
        var token = [UInt8](repeating: 0xff, count: length)
        for (place, value) in [0x05, 0x04, flags, 0xff].enumerated() where place < length { token[place] = value }
        guard case .failure = pair.acceptor.open([token])[0] else {
          Issue.record("\(length) octets were opened")
          continue
        }
      }
    }
  }

  @Test func tokensOutsideTheirMemoryAreRefused() throws {
    var pair = try SessionPair(.aes256SHA1)
    let token = try pair.initiator.wrap([[1, 2]], sealed: true)[0]
    let end = token.count
    for ranges in [[-1..<end], [0..<end + 1], [0..<Int.max], [Int.min..<end]] {
      var memory = token
      #expect(pair.acceptor.open(&memory, ranges) == [.failure(.outsideMemory)])
      #expect(memory == token)
    }
    // The first is opened, the one that overlaps it is not, nor is it wiped.
    var memory = token + [1, 2, 3, 4]
    let results = pair.acceptor.open(&memory, [0..<end, 1..<end, 0..<4])
    #expect(results[1] == .failure(.outsideMemory) && results[2] == .failure(.outsideMemory))
    #expect(try Array(memory[results[0].get().plaintext]) == [1, 2])
    var nothing: [UInt8] = []
    #expect(pair.acceptor.open(&nothing, [0..<0, 0..<1]) == [.failure(.tooShort), .failure(.outsideMemory)])
  }

  /// With the SHA-1 types plaintext stands there before it is proved: nothing of it may stay.
  @Test(arguments: EncryptionType.allCases, [false, true])
  func aRefusedTokenIsWiped(type: EncryptionType, hasRoom: Bool) throws {
    var pair = try SessionPair(type)
    var token = try pair.initiator.wrap([[UInt8](repeating: 0x5a, count: 64)], sealed: true)[0]
    token[token.count - 1] ^= 1
    var memory = token + (hasRoom ? [1, 2, 3, 4] : [])
    #expect(pair.acceptor.open(&memory, [0..<token.count]) == [.failure(.wrongChecksum)])
    #expect(memory[..<token.count].allSatisfy { $0 == 0 })
    #expect(memory[token.count...].elementsEqual(hasRoom ? [1, 2, 3, 4] : []))
  }

  /// A token with nothing behind it is opened elsewhere, and nothing of it stays there.
  @Test func noPlaintextStaysWithTheProvider() throws {
    for type in EncryptionType.allCases {
      let provider = try ProviderRecipe.portable.makeProvider()
      var pair = try SessionPair(type, provider: provider)
      var memory = try pair.initiator.wrap([[UInt8](repeating: 0x5a, count: 64)], sealed: true)[0]
      let results = pair.acceptor.open(&memory, [0..<memory.count])
      #expect(try Array(memory[results[0].get().plaintext]) == [UInt8](repeating: 0x5a, count: 64))
      let last = provider.bench.last
      #expect(stride(from: 0, to: 1_024, by: 8).allSatisfy { last.word(at: $0) == 0 })
    }
  }
}
