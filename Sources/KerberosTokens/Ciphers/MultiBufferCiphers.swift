internal import CKerberosCiphers

/// Intel's multi-buffer library. It has an instance that is as wide as the processor allows, and one whose SHA
/// instructions hash two messages at a time, which is faster for a few.
@safe
final class MultiBufferCiphers: BatchCiphers {
  /// Where a batch is hashed.
  enum HashRoute: Hashable { case wide, narrow, portable }

  /// What the library makes use of.
  struct Features: Hashable {
    var version: String
    var avx512: Bool
    var avx2: Bool
    var sha: Bool
    var vaes: Bool
  }

  let features: Features
  private let raw: OpaquePointer
  private let portable = PortableCiphers()

  init(without masked: CipherMask) throws(ProviderUnavailable) {
    var raw: OpaquePointer?
    var found = ckc_features()
    let presence = unsafe ckc_multibuffer_create(masked.rawValue, &raw, &found)
    guard presence == CKC_PRESENT, let raw = unsafe raw else { throw ProviderUnavailable(presence) }
    unsafe self.raw = raw
    let version = unsafe withUnsafeBytes(of: found.version) {
      unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    features = Features(
      version: version, avx512: found.avx512 != 0, avx2: found.avx2 != 0, sha: found.shani != 0, vaes: found.vaes != 0)
  }

  deinit { unsafe ckc_multibuffer_destroy(raw) }

  func prepare(_ keys: borrowing DirectionKeys) -> Bool {
    unsafe ckc_multibuffer_expand(raw, keys.raw) == 1
  }

  func cipher(_ jobs: UnsafeMutableBufferPointer<ckc_cipher_job>) -> Bool {
    unsafe ckc_multibuffer_cipher(raw, jobs.baseAddress, jobs.count) == 1
  }

  func hash(_ jobs: UnsafeMutableBufferPointer<ckc_hash_job>) -> Bool {
    guard let first = unsafe jobs.first else { return true }
    let longest = unsafe jobs.reduce(0) { unsafe max($0, $1.length) }
    let route = Self.hashRoute(
      features, hash: unsafe ckc_hash_of(first.keys), count: jobs.count, longest: longest)
    switch route {
    case .portable: return unsafe portable.hash(jobs)
    case .wide: return unsafe ckc_multibuffer_hash(raw, 0, jobs.baseAddress, jobs.count) == 1
    case .narrow: return unsafe ckc_multibuffer_hash(raw, 1, jobs.baseAddress, jobs.count) == 1
    }
  }

  /// The fastest way, as measured: wide lanes pay from the sixth message (SHA-1) or the ninth (SHA-256) of half a
  /// kibioctet, and without AVX-512 never beat SHA instructions. SHA-384 has no instructions of its own: one message, or
  /// lanes that are narrow, are better off in libcrypto.
  static func hashRoute(_ features: Features, hash: ckc_hash, count: Int, longest: Int) -> HashRoute {
    if hash == CKC_SHA384 {
      return count > 1 && features.avx2 ? .wide : .portable
    }
    guard features.sha else { return count > 1 ? .wide : .portable }
    let least = hash == CKC_SHA1 ? 6 : 9
    return features.avx512 && count >= least && longest >= 512 ? .wide : .narrow
  }
}
