internal import CKerberosCiphers

/// The keys of one direction of a session and what the cipher libraries make of them, outside Swift's memory, wiped at the
/// end. Three keys, of one usage: for enciphering, for the checksum of what is enciphered, for that of signed messages.
@safe
struct DirectionKeys: ~Copyable {
  /// Usages of wrap tokens, signed and sealed (RFC 4121 section 2).
  enum Usage: UInt32 {
    case acceptorSeal = 22
    case initiatorSeal = 24
  }

  let raw: OpaquePointer

  @unsafe init(raw: OpaquePointer) {
    unsafe self.raw = raw
  }

  /// - Parameter enciphering: the direction that we send.
  /// - Returns: nil when the key has not the type's length, or when the cipher library fails.
  init?(from key: UnsafeRawBufferPointer, type: EncryptionType, usage: Usage, enciphering: Bool) {
    guard key.count == type.keyLength else { return nil }
    let derived: OpaquePointer? = unsafe withUnsafeTemporaryAllocation(byteCount: 96, alignment: 16) { memory in
      defer { unsafe ckc_wipe(memory.baseAddress, memory.count) }
      let lengths = [type.keyLength, type.hashKeyLength, type.hashKeyLength]
      for (index, purpose) in [KeyDerivation.Purpose.encryption, .integrity, .checksum].enumerated() {
        let target = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[index * 32..<index * 32 + lengths[index]])
        let done = unsafe KeyDerivation.derive(
          from: key, type: type, usage: usage.rawValue, purpose: purpose, to: target)
        guard done else { return nil }
      }
      guard let first = unsafe memory.assumingMemoryBound(to: UInt8.self).baseAddress else { return nil }
      return unsafe ckc_keys_create(
        type.hash, enciphering ? 1 : 0, type.keyLength, type.hashKeyLength, first, first + 32, first + 64)
    }
    guard let derived = unsafe derived else { return nil }
    unsafe raw = derived
  }

  deinit { unsafe ckc_keys_destroy(raw) }
}
