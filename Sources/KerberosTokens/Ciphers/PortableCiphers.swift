internal import CKerberosCiphers

/// libcrypto: everywhere, one message after the other.
final class PortableCiphers: BatchCiphers {
  static var version: String {
    guard let text = unsafe ckc_portable_version() else { return "" }
    return unsafe String(cString: text)
  }

  func prepare(_ keys: borrowing DirectionKeys) -> Bool { true }

  func cipher(_ jobs: UnsafeMutableBufferPointer<ckc_cipher_job>) -> Bool {
    unsafe ckc_portable_cipher(jobs.baseAddress, jobs.count) == 1
  }

  func hash(_ jobs: UnsafeMutableBufferPointer<ckc_hash_job>) -> Bool {
    unsafe ckc_portable_hash(jobs.baseAddress, jobs.count) == 1
  }
}
