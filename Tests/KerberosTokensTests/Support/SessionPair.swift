@testable import KerberosTokens

/// Two sessions that share a key, one for each end.
struct SessionPair: ~Copyable {
  var initiator: TokenSession
  var acceptor: TokenSession

  init(
    _ type: EncryptionType, key: [UInt8]? = nil, subkey: Bool = true, firstNumber: UInt64 = 7,
    order: ReceiveOrder = .judgedByCaller, provider: CipherProvider? = nil
  ) throws {
    let key = key ?? (0..<type.keyLength).map { _ in UInt8.random(in: 0...255) }
    let provider = try provider ?? ProviderRecipe.portable.makeProvider()
    func session(_ isInitiator: Bool) throws -> TokenSession {
      let parameters = TokenSession.Parameters(
        type: type, isInitiator: isInitiator, hasAcceptorSubkey: subkey, nextSendNumber: firstNumber,
        receiveOrder: order, endTime: 0)
      return unsafe try TokenSession(key: key.span.bytes, parameters, provider: provider)
    }
    let initiator = try session(true)
    let acceptor = try session(false)
    self.initiator = initiator
    self.acceptor = acceptor
  }
}

extension TokenSession {
  /// Wraps messages together; a token for each.
  mutating func wrap(_ messages: [[UInt8]], sealed: Bool) throws -> [[UInt8]] {
    var plaintext: [UInt8] = []
    var pieces: [Range<Int>] = []
    for message in messages {
      pieces.append(plaintext.count..<plaintext.count + message.count)
      plaintext += message
    }
    let written = try wrap(plaintext, pieces, sealed: sealed)
    var tokens: [[UInt8]] = []
    var start = 0
    for message in messages {
      let end = start + tokenLength(for: message.count, sealed: sealed)
      tokens.append(Array(written[start..<end]))
      start = end
    }
    return tokens
  }

  /// What is written into `room` octets, as many as are needed when that is nil.
  mutating func wrap(
    _ plaintext: [UInt8], _ pieces: [Range<Int>], sealed: Bool, prefix: Int = 0, room: Int? = nil
  ) throws -> [UInt8] {
    let room = room ?? pieces.reduce(Self.spareOctets) { $0 + prefix + tokenLength(for: $1.count, sealed: sealed) }
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: 1)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0xee)
    defer { unsafe memory.deallocate() }
    var output = unsafe OutputRawSpan(buffer: memory, initializedCount: 0)
    do throws(TokenSessionError) {
      unsafe try wrap(plaintext.span.bytes, pieces: pieces, sealed: sealed, prefix: prefix, into: &output)
    } catch {
      guard output.byteCount == 0 else { throw LeftBehind() }
      // Whatever was on its way to being sealed is wiped.
      guard
        unsafe memory.allSatisfy({ $0 == 0 }) || error == .tooLittleRoom || error == .sendingIsOver
          || error == .wrongPiece
      else { throw LeftBehind() }
      throw error
    }
    let count = unsafe output.finalize(for: memory)
    return unsafe Array(memory[..<count])
  }

  struct LeftBehind: Error {}

  /// Opens tokens that lie in `memory`.
  mutating func open(_ memory: inout [UInt8], _ tokens: [Range<Int>]) -> [Result<OpenedToken, TokenRefusal>] {
    var results: [Result<OpenedToken, TokenRefusal>] = []
    var span = memory.mutableSpan
    var octets = unsafe span.mutableBytes
    unwrap(&octets, tokens: tokens, into: &results)
    return results
  }

  /// Opens tokens together and gives their plaintext.
  mutating func open(_ tokens: [[UInt8]], gap: Int = 4) -> [Result<[UInt8], TokenRefusal>] {
    var memory: [UInt8] = []
    var ranges: [Range<Int>] = []
    for token in tokens {
      ranges.append(memory.count..<memory.count + token.count)
      memory += token + [UInt8](repeating: 0xa5, count: gap)
    }
    return open(&memory, ranges).map { $0.map { Array(memory[$0.plaintext]) } }
  }
}

/// RRC: the body turned to the right, and the header saying so.
func rotated(_ token: [UInt8], by count: UInt16) -> [UInt8] {
  var token = token
  let body = token[16...]
  let distance = body.isEmpty ? 0 : Int(count) % body.count
  token.replaceSubrange(16..., with: body.suffix(distance) + body.dropLast(distance))
  token[6] = UInt8(count >> 8)
  token[7] = UInt8(count & 0xff)
  return token
}
