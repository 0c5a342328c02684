internal import CKerberosCiphers

/// Keys for one usage out of a protocol key: DK (RFC 3961 section 5.3) for the SHA-1 types, KDF-HMAC-SHA2 (RFC 8009
/// section 3) for the others.
enum KeyDerivation {
  /// The octet behind the usage in the constant that a key is derived with.
  enum Purpose: UInt8 {
    /// Kc, of checksums.
    case checksum = 0x99
    /// Ke, of enciphering.
    case encryption = 0xaa
    /// Ki, of the checksum of what is enciphered.
    case integrity = 0x55
  }

  /// Writes the derived key to `target`, whose length is the key's. False when the cipher library fails.
  static func derive(
    from key: UnsafeRawBufferPointer, type: EncryptionType, usage: UInt32, purpose: Purpose,
    to target: UnsafeMutableRawBufferPointer
  ) -> Bool {
    switch type {
    case .aes128SHA1, .aes256SHA1:
      let label = Label(usage: usage, purpose: purpose)
      return unsafe derivedByCipher(key, foldedLabels[label] ?? label.folded, target)
    case .aes128SHA256, .aes256SHA384:
      return unsafe derivedByHash(key, type.hash, Label(usage: usage, purpose: purpose).octets, target)
    }
  }

  /// The constant of a key.
  private struct Label: Hashable {
    var usage: UInt32
    var purpose: Purpose

    var octets: [UInt8] { [24, 16, 8, 0].map { UInt8(usage >> $0 & 0xff) } + [purpose.rawValue] }
    var folded: [UInt8] { NFold.fold(octets, to: 16) }
  }

  /// Those of every session: folding one takes longer than what is done with it.
  private static let foldedLabels = {
    var folded: [Label: [UInt8]] = [:]
    for usage in [DirectionKeys.Usage.acceptorSeal, .initiatorSeal] {
      for purpose in [Purpose.checksum, .encryption, .integrity] {
        let label = Label(usage: usage.rawValue, purpose: purpose)
        folded[label] = label.folded
      }
    }
    return folded
  }()

  /// DR: K1 = E(key, n-fold(constant)), K2 = E(key, K1), …
  private static func derivedByCipher(
    _ key: UnsafeRawBufferPointer, _ constant: [UInt8], _ target: UnsafeMutableRawBufferPointer
  ) -> Bool {
    unsafe withUnsafeTemporaryAllocation(byteCount: 32, alignment: 16) { blocks in
      defer { unsafe ckc_wipe(blocks.baseAddress, blocks.count) }
      let octets = unsafe blocks.assumingMemoryBound(to: UInt8.self)
      guard let first = octets.baseAddress, target.count <= 32 else { return false }
      let secret = unsafe key.assumingMemoryBound(to: UInt8.self).baseAddress
      guard unsafe ckc_block(secret, key.count, constant, first) == 1 else { return false }
      guard unsafe ckc_block(secret, key.count, first, first + 16) == 1 else { return false }
      unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: blocks[..<target.count]))
      return true
    }
  }

  /// K1 = HMAC(key, 00000001 | label | 00 | length in bits); one is always enough.
  private static func derivedByHash(
    _ key: UnsafeRawBufferPointer, _ hash: ckc_hash, _ label: [UInt8], _ target: UnsafeMutableRawBufferPointer
  ) -> Bool {
    let bits = UInt32(clamping: target.count * 8)
    let input = [0, 0, 0, 1] + label + [0] + [24, 16, 8, 0].map { UInt8(bits >> $0 & 0xff) }
    return unsafe withUnsafeTemporaryAllocation(byteCount: 64, alignment: 16) { block in
      defer { unsafe ckc_wipe(block.baseAddress, block.count) }
      let octets = unsafe block.assumingMemoryBound(to: UInt8.self)
      let secret = unsafe key.assumingMemoryBound(to: UInt8.self).baseAddress
      guard target.count <= 32, unsafe ckc_hmac(hash, secret, key.count, input, input.count, octets.baseAddress) == 1
      else { return false }
      unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: block[..<target.count]))
      return true
    }
  }
}

extension EncryptionType {
  var hash: ckc_hash {
    switch self {
    case .aes128SHA1, .aes256SHA1: CKC_SHA1
    case .aes128SHA256: CKC_SHA256
    case .aes256SHA384: CKC_SHA384
    }
  }
}
