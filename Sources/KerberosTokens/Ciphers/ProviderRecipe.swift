/// Which cipher library to use, and how: what is settled once for a process, to make a ``CipherProvider`` from on every
/// event loop.
public struct ProviderRecipe: Hashable, Sendable, CustomStringConvertible {
  public enum Library: String, Hashable, Sendable, CaseIterable {
    /// Intel's multi-buffer library for IPsec, opened at run time.
    case multiBuffer
    /// libcrypto.
    case portable
  }

  public let library: Library
  /// Features of the processor to leave aside.
  public let mask: CipherMask

  public static let portable = ProviderRecipe(.portable)

  public init(_ library: Library, without mask: CipherMask = []) {
    self.library = library
    self.mask = mask
  }

  /// Makes a provider; about a millisecond and half a mebioctet for the multi-buffer library.
  ///
  /// - Throws: why the library cannot be used here. libcrypto always can.
  public func makeProvider() throws(ProviderUnavailable) -> CipherProvider {
    switch library {
    case .portable:
      return CipherProvider(PortableCiphers(), name: "libcrypto \(PortableCiphers.version)")
    case .multiBuffer:
      let ciphers = try MultiBufferCiphers(without: mask)
      return CipherProvider(ciphers, name: "multi-buffer \(ciphers.features)")
    }
  }

  public var description: String {
    switch library {
    case .portable: "libcrypto"
    case .multiBuffer: "multi-buffer"
    }
  }
}

extension MultiBufferCiphers.Features: CustomStringConvertible {
  var description: String {
    var words = [avx512 ? "AVX-512" : avx2 ? "AVX2" : "SSE"]
    if vaes { words.append("VAES") }
    if sha { words.append("SHA") }
    return "\(version) (\(words.joined(separator: ", ")))"
  }
}
