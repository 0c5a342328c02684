internal import CKerberosCiphers

/// Random octets drawn from libcrypto in advance: a confounder by itself costs more than enciphering a small message.
/// What was taken is cleared at once. Never to be used on both sides of a fork.
@safe
struct ConfounderPool: ~Copyable {
  static let size = 4_096

  private let octets = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
  private var used = size

  deinit {
    unsafe ckc_wipe(octets, Self.size)
    unsafe octets.deallocate()
  }

  /// Writes a confounder to `offset` of `token`. False when libcrypto has no random octets.
  mutating func write(to token: TokenMemory, at offset: Int) -> Bool {
    let length = SealedShape.confounderLength
    if used + length > Self.size {
      guard unsafe ckc_random(octets.assumingMemoryBound(to: UInt8.self), Self.size) == 1 else { return false }
      used = 0
    }
    let pool = unsafe TokenMemory(base: octets, count: Self.size)
    pool.copy(used..<used + length, to: offset, of: token)
    pool.zero(used..<used + length)
    used += length
    return true
  }
}
