import Testing

@testable import KerberosTokens

@Suite struct TokenSessionTests {
  @Test(arguments: EncryptionType.allCases, [false, true])
  func whatOneEndWrapsTheOtherOpens(type: EncryptionType, sealed: Bool) throws {
    var pair = try SessionPair(type, order: .next(7))
    for count in 0...100 {
      let messages = (0..<count % 20 + 1).map { [UInt8](repeating: UInt8(count), count: count + $0) }
      let up = try pair.initiator.wrap(messages, sealed: sealed)
      #expect(pair.acceptor.open(up) == messages.map { .success($0) })
      let down = try pair.acceptor.wrap(messages, sealed: sealed)
      #expect(pair.initiator.open(down) == messages.map { .success($0) })
    }
  }

  @Test func sealedAndSignedTokensMayComeTogether() throws {
    for type in EncryptionType.allCases {
      var pair = try SessionPair(type)
      let sealed = try pair.initiator.wrap([[1], [2, 2]], sealed: true)
      let signed = try pair.initiator.wrap([[3], []], sealed: false)
      let mixed = [signed[0], sealed[0], signed[1], sealed[1]]
      #expect(pair.acceptor.open(mixed) == [.success([3]), .success([1]), .success([]), .success([2, 2])])
    }
  }

  @Test func prefixesAreLeftFree() throws {
    var pair = try SessionPair(.aes256SHA1)
    for sealed in [false, true] {
      var written = try pair.initiator.wrap([1, 2, 3, 4, 5, 6], [0..<2, 2..<2, 2..<6], sealed: sealed, prefix: 5)
      let overhead = EncryptionType.aes256SHA1.overhead(sealed: sealed)
      var ranges: [Range<Int>] = []
      var end = 0
      for count in [2, 0, 4] {
        #expect(written[end..<end + 5].allSatisfy { $0 == 0 })
        ranges.append(end + 5..<end + 5 + count + overhead)
        end += 5 + count + overhead
      }
      #expect(written.count == end)
      let results = pair.acceptor.open(&written, ranges)
      let plaintexts = try results.map { try Array(written[$0.get().plaintext]) }
      #expect(plaintexts == [[1, 2], [], [3, 4, 5, 6]])
    }
  }

  @Test func confoundersNeverRepeat() throws {
    var pair = try SessionPair(.aes128SHA1)
    var seen: Set<[UInt8]> = []
    for _ in 0..<1_000 {
      // Long enough for the confounder's block to be the first one: the last two change places.
      let token = try pair.initiator.wrap([[UInt8](repeating: 0, count: 16)], sealed: true)[0]
      #expect(seen.insert(Array(token[16..<32])).inserted)
    }
  }

  @Test(arguments: [0, 1, 3, 4, 100])
  func tokensAreOpenedWhateverLiesBetweenThem(gap: Int) throws {
    for type in EncryptionType.allCases {
      for sealed in [false, true] {
        var pair = try SessionPair(type)
        let messages = (0..<40).map { [UInt8](repeating: 3, count: $0) }
        let tokens = try pair.initiator.wrap(messages, sealed: sealed)
        var memory: [UInt8] = []
        var ranges: [Range<Int>] = []
        for token in tokens {
          memory += [UInt8](repeating: 0x77, count: gap)
          ranges.append(memory.count..<memory.count + token.count)
          memory += token
        }
        // The last one has nothing behind it.
        let results = pair.acceptor.open(&memory, ranges)
        #expect(try results.map { try Array(memory[$0.get().plaintext]) } == messages)
        for range in ranges {
          #expect(memory[range.lowerBound - gap..<range.lowerBound].allSatisfy { $0 == 0x77 })
        }
      }
    }
  }

  @Test func numbersGoOnAcrossThirtyTwoBits() throws {
    var pair = try SessionPair(.aes256SHA384, firstNumber: 0xffff_fffe, order: .next(0xffff_fffe))
    for _ in 0..<4 {
      let tokens = try pair.initiator.wrap([[1], [2]], sealed: true)
      #expect(pair.acceptor.open(tokens) == [.success([1]), .success([2])])
    }
    #expect(pair.initiator.nextSendNumber == 0x1_0000_0006)
    #expect(pair.acceptor.receiveOrder == .next(0x1_0000_0006))
  }

  @Test func numbersEnd() throws {
    var pair = try SessionPair(.aes256SHA1, firstNumber: .max - 1, order: .next(.max - 1))
    let token = try pair.initiator.wrap([[1]], sealed: true)
    #expect(pair.acceptor.open(token) == [.success([1])])
    #expect(throws: TokenSessionError.numbersUsedUp) { try pair.initiator.wrap([[1]], sealed: true) }
    #expect(throws: TokenSessionError.sendingIsOver) { try pair.initiator.wrap([[1]], sealed: true) }
    var order = ReceiveOrder.next(.max)
    try order.accept(.max)
    #expect(order == .usedUp)
    #expect(throws: TokenRefusal.outOfOrder) { try order.accept(0) }
  }

  @Test func onAStreamOnlyTheNextNumberIsAccepted() throws {
    var pair = try SessionPair(.aes256SHA1, order: .next(7))
    let tokens = try pair.initiator.wrap((0..<6).map { [UInt8($0)] }, sealed: true)
    #expect(pair.acceptor.open([tokens[0], tokens[0]]) == [.success([0]), .failure(.outOfOrder)])
    #expect(pair.acceptor.open([tokens[2], tokens[1]]) == [.failure(.outOfOrder), .success([1])])
    #expect(pair.acceptor.open([tokens[3]]) == [.failure(.outOfOrder)])
    pair.acceptor.receiveOrder = .judgedByCaller
    #expect(pair.acceptor.open([tokens[5], tokens[4]]) == [.success([5]), .success([4])])
  }

  /// A token that is not authentic takes no number.
  @Test func onlyAuthenticTokensMoveTheNumber() throws {
    var pair = try SessionPair(.aes256SHA1, order: .next(7))
    let tokens = try pair.initiator.wrap([[0], [1]], sealed: true)
    var altered = tokens[0]
    altered[40] ^= 1
    #expect(
      pair.acceptor.open([altered, tokens[0], tokens[1]]) == [.failure(.wrongChecksum), .success([0]), .success([1])])
  }

  @Test func aKeyOfAnotherLengthIsRefused() throws {
    #expect(throws: TokenSessionError.wrongKeyLength) {
      try SessionPair(.aes256SHA1, key: [UInt8](repeating: 0, count: 16)).initiator.endTime
    }
  }
}
