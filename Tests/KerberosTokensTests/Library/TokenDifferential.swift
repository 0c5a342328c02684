import GSSAPI
import Testing

@testable import KerberosTokens

/// Tokens both ways between the engine, which has taken over one end, and the library at the other one.
struct TokenDifferential {
  struct Difference: Error, CustomStringConvertible {
    let description: String
  }

  /// Tokens compared.
  private(set) var count = 0

  private let plaintext = (0..<200_000).map { _ in UInt8.random(in: 0...255) }
  private let tokens = Room()
  private let opened = Room()
  /// Every size from 0 to 300 in turn, and between them sizes to 65,000.
  private var size = 0

  mutating func compare(
    _ own: inout GSSSecurityContext, _ peer: inout GSSSecurityContext, _ provider: CipherProvider, _ type: Int32,
    _ mutual: Bool, count: Int
  ) throws {
    var engine = try own.takenOver(provider)
    guard engine.session.type.rawValue == type, engine.session.sending.acceptorSubkey == mutual else {
      throw Difference(description: "the context is of another kind than wanted")
    }
    try compareProof(&own, &peer, &engine)
    let end = self.count + count
    while self.count < end {
      let pieces = (0..<Int.random(in: 1...16)).map { _ in nextPiece() }
      let sealed = Bool.random()
      try send(pieces, sealed: sealed, &engine, &peer)
      try receive(pieces, sealed: sealed, &engine, &peer)
      if Int.random(in: 0..<20) == 0 { try receiveFilled(pieces[0], &engine, &own) }
    }
    try sendAcrossThirtyTwoBits(&engine, &peer)
  }

  private mutating func nextPiece() -> Range<Int> {
    let isSmall = Int.random(in: 0..<4) > 0
    let most = isSmall ? 300 : [1_024, 4_096, 16_384, 65_000].randomElement() ?? 300
    size = (size + 1) % 301
    let count = isSmall ? size : Int.random(in: 0...most)
    let start = Int.random(in: 0...plaintext.count - count)
    return start..<start + count
  }

  private func check(_ holds: Bool, _ text: @autoclosure () -> String) throws {
    guard holds else { throw Difference(description: text()) }
  }

  /// Nothing in a signed token is random, so the engine's is the library's, octet for octet.
  private mutating func compareProof(
    _ own: inout GSSSecurityContext, _ peer: inout GSSSecurityContext, _ engine: inout Takeover
  ) throws {
    let mine = try engine.session.wrap([[2]], sealed: false)[0]
    let (librarys, _) = try own.wrap([2], confidential: false)
    try check(mine == librarys, "the proof differs")
    let (level, message) = try peer.unwrap(mine)
    try check(level == [2] && message.status.isEmpty, "the proof is not opened")
    count += 1
  }

  private mutating func send(
    _ pieces: [Range<Int>], sealed: Bool, _ engine: inout Takeover, _ peer: inout GSSSecurityContext
  ) throws {
    let first = engine.session.nextSendNumber
    let written = try tokens.write { output throws(TokenSessionError) in
      unsafe try engine.session.wrap(plaintext.span.bytes, pieces: pieces, sealed: sealed, prefix: 4, into: &output)
    }
    var end = 0
    for (index, piece) in pieces.enumerated() {
      let range = end + 4..<end + 4 + engine.session.tokenLength(for: piece.count, sealed: sealed)
      end = range.upperBound
      var message: GSSUnwrapped?
      let length = try tokens.modify(range) { token in
        try opened.write { output throws(GSSError) in message = try peer.unwrap(&token, into: &output) }
      }
      try check(opened.equals(0..<length, plaintext[piece]), "\(piece.count) octets: the library finds something else")
      try check(
        message?.confidential == sealed && message?.status.isEmpty == true
          && message?.sequenceNumber == first + UInt64(index),
        "\(piece.count) octets: the library says \(message as Any)")
    }
    try check(end == written, "another length")
    count += pieces.count
  }

  private mutating func receive(
    _ pieces: [Range<Int>], sealed: Bool, _ engine: inout Takeover, _ peer: inout GSSSecurityContext
  ) throws {
    let gap = [4, 4, 4, 0, 9].randomElement() ?? 4
    var ranges: [Range<Int>] = []
    var end = 0
    for piece in pieces {
      let length = try opened.write { output throws(GSSError) in
        let part = unsafe plaintext.span.bytes.extracting(piece)
        _ = try peer.wrap(part, confidential: sealed, into: &output)
      }
      var token = opened.octets(0..<length)
      if Int.random(in: 0..<3) == 0 { token = rotated(token, by: Bool.random() ? 28 : UInt16.random(in: 0...65_535)) }
      tokens.put(token, at: end)
      ranges.append(end..<end + length)
      tokens.put([UInt8](repeating: 0xa5, count: gap), at: end + length)
      end += length + gap
    }
    var results: [Result<OpenedToken, TokenRefusal>] = []
    tokens.modify(0..<end) { engine.session.unwrap(&$0, tokens: ranges, into: &results) }
    for ((piece, range), result) in zip(zip(pieces, ranges), results) {
      guard case .success(let token) = result else {
        throw Difference(description: "\(piece.count) octets, rotated perhaps: \(result)")
      }
      try check(
        tokens.equals(token.plaintext, plaintext[piece]) && token.isSealed == sealed,
        "\(piece.count) octets: the engine finds something else")
      try check(
        tokens.octets(range.upperBound..<range.upperBound + gap).allSatisfy { $0 == 0xa5 },
        "octets between were changed")
    }
    count += pieces.count
  }

  /// A sealed token with filler, as the library never makes one: both must open it.
  private mutating func receiveFilled(
    _ piece: Range<Int>, _ engine: inout Takeover, _ own: inout GSSSecurityContext
  ) throws {
    let library = try KerberosCryptosystem()
    let filler = (0..<Int.random(in: 1...300)).map { _ in UInt8.random(in: 0...255) }
    let expectation = engine.session.receiving
    let header = TokenHeader(
      flags: expectation.flags(sealed: true), extraCount: UInt16(filler.count), sequenceNumber: .random(in: 0 ... .max))
    let octets = [header.description, header.sequenceNumber].flatMap { word in
      (0..<8).map { UInt8(word >> (56 - 8 * $0) & 0xff) }
    }
    let message = Array(plaintext[piece])
    let body = library.encrypt(
      message + filler + octets, key: engine.key, type: expectation.type.rawValue,
      usage: expectation.sentByAcceptor ? 22 : 24)
    let token = octets + (body ?? [])
    let order = engine.session.receiveOrder
    engine.session.receiveOrder = .judgedByCaller
    try check(engine.session.open([token]) == [.success(message)], "\(filler.count) octets of filler")
    engine.session.receiveOrder = order
    try check(try own.unwrap(token).plaintext == message, "\(filler.count) octets of filler, for the library")
    count += 1
  }

  /// Numbers have 64 bits. The library misses some before these, and says so; it opens them.
  private mutating func sendAcrossThirtyTwoBits(
    _ engine: inout Takeover, _ peer: inout GSSSecurityContext
  ) throws {
    engine.session.nextSendNumber = 0xffff_fffe
    let messages: [[UInt8]] = [[1], [2], [3], [4]]
    for (index, token) in try engine.session.wrap(messages, sealed: true).enumerated() {
      let (plaintext, message) = try peer.unwrap(token)
      try check(
        plaintext == messages[index] && message.sequenceNumber == 0xffff_fffe + UInt64(index), "beyond 32 bits")
    }
    count += messages.count
  }
}
