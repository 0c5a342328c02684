/// Ciphertext stealing as Kerberos has it (RFC 3962 section 5, "CBC-CS3"): the last two blocks change places, also when
/// the length is a multiple of the block's, and the one that is last then is cut to what is needed.
///
/// The cipher itself is plain CBC over the padded length. The padding takes up to fifteen octets behind the ciphertext;
/// what stood there is the caller's to keep. Needs two blocks or a part of the second.
struct CiphertextStealing: Hashable {
  static let blockLength = 16

  let start: Int
  let length: Int

  /// Octets that CBC works on.
  var paddedLength: Int { (length + Self.blockLength - 1) / Self.blockLength * Self.blockLength }
  /// Octets of padding.
  var paddingLength: Int { paddedLength - length }
  /// Where the last block begins.
  var last: Int { start + paddedLength - Self.blockLength }
  /// Where the block before it begins.
  var penultimate: Int { last - Self.blockLength }
  /// Octets of the last block that are sent.
  var lastLength: Int { Self.blockLength - paddingLength }

  /// Before enciphering: the padding is zero.
  func pad(_ token: TokenMemory) {
    token.zero(start + length..<start + paddedLength)
  }

  /// After CBC has enciphered the padded length. Octets behind the ciphertext are left as they are.
  func swapEnciphered(_ token: TokenMemory) {
    let stolenFrom = token.block(at: penultimate)
    token.setBlock(token.block(at: last), at: penultimate)
    token.setBlock(stolenFrom, at: last, count: lastLength)
  }

  /// Before CBC deciphers the padded length.
  ///
  /// - Parameter deciphered: the block at ``penultimate``, which is the last one of plain CBC, deciphered by itself. It is
  ///   the padded last plaintext and the stolen block in one: where the padding is, the stolen bytes appear.
  func restoreOrder(_ token: TokenMemory, deciphered: CipherBlock) {
    let lastOfCBC = token.block(at: penultimate)
    token.copy(last..<last + lastLength, to: penultimate)
    token.setBlock(deciphered, at: penultimate, from: lastLength)
    token.setBlock(lastOfCBC, at: last)
  }
}
