import GSSAPI

@testable import KerberosTokens

struct WrongContext: Error {}

extension GSSSecurityContext {
  /// A session with the key and numbers of this context, and the key for a token that nobody but a test makes.
  mutating func takenOver(
    _ provider: CipherProvider, order: ReceiveOrder? = nil
  ) throws -> Takeover {
    guard let state = try kerberosState(), let type = EncryptionType(rawValue: state.encryptionType) else {
      throw WrongContext()
    }
    let parameters = TokenSession.Parameters(
      type: type, isInitiator: state.isInitiator, hasAcceptorSubkey: state.hasAcceptorSubkey,
      nextSendNumber: state.nextSendNumber, receiveOrder: order ?? .next(state.firstReceiveNumber),
      endTime: state.endTime)
    let key = state.withKey { span in
      unsafe span.withUnsafeBytes { unsafe Array($0) }
    }
    let session = unsafe try TokenSession(key: key.span.bytes, parameters, provider: provider)
    return Takeover(session: session, key: key)
  }
}

struct Takeover: ~Copyable {
  var session: TokenSession
  let key: [UInt8]
}

/// Memory that is used again and again.
@safe
final class Room {
  /// Sixteen of the longest tokens, and what stands between them.
  static let size = 16 * 65_560

  private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)

  deinit { unsafe memory.deallocate() }

  /// Writes from the beginning; says how many octets were written.
  func write<Failure: Error>(
    _ body: (inout OutputRawSpan) throws(Failure) -> Void
  ) throws(Failure) -> Int {
    var output = unsafe OutputRawSpan(buffer: memory, initializedCount: 0)
    try body(&output)
    return unsafe output.finalize(for: memory)
  }

  func read<Result>(_ range: Range<Int>, _ body: (RawSpan) throws -> Result) rethrows -> Result {
    try body(unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: memory[range])))
  }

  func modify<Result>(_ range: Range<Int>, _ body: (inout MutableRawSpan) throws -> Result) rethrows -> Result {
    var span = unsafe MutableRawSpan(_unsafeBytes: UnsafeMutableRawBufferPointer(rebasing: memory[range]))
    return try body(&span)
  }

  func octets(_ range: Range<Int>) -> [UInt8] { unsafe Array(memory[range]) }

  func put(_ octets: [UInt8], at offset: Int) {
    unsafe UnsafeMutableRawBufferPointer(rebasing: memory[offset..<offset + octets.count]).copyBytes(from: octets)
  }

  func equals(_ range: Range<Int>, _ other: Room, _ otherRange: Range<Int>) -> Bool {
    unsafe memory[range].elementsEqual(other.memory[otherRange])
  }

  func equals(_ range: Range<Int>, _ octets: ArraySlice<UInt8>) -> Bool {
    unsafe range.count == octets.count
      && octets.withUnsafeBytes { unsafe Self.same($0, UnsafeRawBufferPointer(rebasing: memory[range])) }
  }

  /// Quicker than going through elements where nothing is optimized.
  private static func same(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
    guard one.count == other.count else { return false }
    var offset = 0
    while offset + 8 <= one.count {
      let first = unsafe one.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      guard unsafe first == other.loadUnaligned(fromByteOffset: offset, as: UInt64.self) else { return false }
      offset += 8
    }
    return unsafe one[offset...].elementsEqual(other[offset...])
  }
}
