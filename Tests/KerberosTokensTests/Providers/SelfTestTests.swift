import GSSAPI
import KerberosTokens
import Testing

extension ReferenceCryptography {
  /// libkrb5's.
  static func library() throws -> ReferenceCryptography {
    let library = try KerberosCryptosystem()
    return ReferenceCryptography(
      encrypt: { library.encrypt($0, key: $1, type: $2, usage: $3) },
      decrypt: { library.decrypt($0, key: $1, type: $2, usage: $3) },
      checksum: { library.checksum(of: $0, key: $1, type: $2, usage: $3) })
  }
}

@Suite struct SelfTestTests {
  @Test(arguments: ProviderRecipe.underTest)
  func everyProviderPasses(recipe: ProviderRecipe) throws {
    let provider = try recipe.makeProvider()
    #expect(try ProviderSelfTest.run(provider, against: .library()) > 5_000)
  }
}

extension ProviderRecipe {
  /// Every provider, and what it does on older processors.
  static let underTest: [ProviderRecipe] =
    [.portable]
    + [[], .avx512, .sha, [.avx512, .sha], .avx2, [.avx2, .sha]].map { ProviderRecipe(.multiBuffer, without: $0) }
}
