import CKerberosCiphers
import Testing

@testable import KerberosTokens

@Suite struct HashRouteTests {
  private func routes(
    _ hash: ckc_hash, avx512: Bool, avx2: Bool = true, sha: Bool, longest: Int = 1_024
  ) -> [MultiBufferCiphers.HashRoute] {
    let features = MultiBufferCiphers.Features(version: "", avx512: avx512, avx2: avx2, sha: sha, vaes: false)
    return [1, 2, 5, 6, 8, 9, 16].map {
      MultiBufferCiphers.hashRoute(features, hash: hash, count: $0, longest: longest)
    }
  }

  @Test func wideLanesTakeManyAndLong() {
    #expect(routes(CKC_SHA1, avx512: true, sha: true) == [.narrow, .narrow, .narrow, .wide, .wide, .wide, .wide])
    #expect(routes(CKC_SHA256, avx512: true, sha: true) == [.narrow, .narrow, .narrow, .narrow, .narrow, .wide, .wide])
    #expect(routes(CKC_SHA1, avx512: true, sha: true, longest: 511).allSatisfy { $0 == .narrow })
  }

  @Test func withoutAVX512InstructionsForSHAWin() {
    #expect(routes(CKC_SHA1, avx512: false, sha: true).allSatisfy { $0 == .narrow })
    #expect(routes(CKC_SHA256, avx512: false, sha: true).allSatisfy { $0 == .narrow })
    #expect(routes(CKC_SHA1, avx512: false, sha: false) == [.portable] + [.wide, .wide, .wide, .wide, .wide, .wide])
  }

  @Test func ofSHA384OneIsLibcryptos() {
    #expect(routes(CKC_SHA384, avx512: true, sha: true) == [.portable] + [.wide, .wide, .wide, .wide, .wide, .wide])
    #expect(routes(CKC_SHA384, avx512: false, avx2: false, sha: true).allSatisfy { $0 == .portable })
  }

  @Test func namesSayWhatIsUsed() throws {
    let features = MultiBufferCiphers.Features(version: "1.3.0", avx512: true, avx2: true, sha: true, vaes: true)
    #expect("\(features)" == "1.3.0 (AVX-512, VAES, SHA)")
    #expect(try ProviderRecipe(.multiBuffer, without: .avx512).makeProvider().name.contains("AVX-512") == false)
    #expect(try ProviderRecipe(.multiBuffer, without: [.avx2, .sha]).makeProvider().name.hasSuffix("(SSE)"))
  }
}
