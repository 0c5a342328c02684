internal import CKerberosCiphers

/// Features of the processor that the multi-buffer library is not to use although they are there: for tests, and to see
/// how an older machine does.
public struct CipherMask: OptionSet, Hashable, Sendable {
  public let rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let avx512 = CipherMask(rawValue: CKC_WITHOUT_AVX512)
  public static let sha = CipherMask(rawValue: CKC_WITHOUT_SHANI)
  /// AVX-512 too, then.
  public static let avx2 = CipherMask(rawValue: CKC_WITHOUT_AVX2)
}
