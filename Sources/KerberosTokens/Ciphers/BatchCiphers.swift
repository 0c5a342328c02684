internal import CKerberosCiphers

/// What a cipher library does for tokens, sixteen messages at most at a time. False is a failure of all of them.
protocol BatchCiphers: AnyObject {
  /// Makes what these keys need. Before any job with them.
  func prepare(_ keys: borrowing DirectionKeys) -> Bool

  /// AES-CBC with a zero vector, in the direction of the jobs' keys.
  func cipher(_ jobs: UnsafeMutableBufferPointer<ckc_cipher_job>) -> Bool

  /// HMACs, cut to the length of a token's checksum.
  func hash(_ jobs: UnsafeMutableBufferPointer<ckc_hash_job>) -> Bool
}
