import GSSAPI
import KerberosTokens

/// Tries what an operator asked for, from the fastest on, and takes the first provider that passes its test.
struct EngineSelection {
  private(set) var name = "system"
  private(set) var reason: String?
  private(set) var recipe: ProviderRecipe?

  init(_ choice: TokenEngine.Choice, _ restrictions: TokenEngine.Restrictions) {
    var recipes: [ProviderRecipe] = []
    var reasons: [String] = []
    switch choice {
    case .system: reasons.append("as configured")
    case .portable:
      recipes.append(.portable)
      reasons.append("as configured")
    case .auto:
      if restrictions.allowsMultiBuffer {
        recipes.append(ProviderRecipe(.multiBuffer, without: restrictions.mask))
      } else {
        reasons.append("the multi-buffer library is switched off")
      }
      recipes.append(.portable)
    }
    for recipe in recipes {
      switch Self.tried(recipe) {
      case .success(let name):
        self.name = name
        self.recipe = recipe
      case .failure(let unfit): reasons.append(unfit.words)
      }
      if self.recipe != nil { break }
    }
    self.reason = reasons.isEmpty ? nil : reasons.joined(separator: "; ")
  }

  private struct Unfit: Error {
    let words: String
  }

  /// The provider's name when it passes.
  private static func tried(_ recipe: ProviderRecipe) -> Result<String, Unfit> {
    let provider: CipherProvider
    do throws(ProviderUnavailable) {
      provider = try recipe.makeProvider()
    } catch {
      return .failure(Unfit(words: "\(error)"))
    }
    do {
      try ProviderSelfTest.run(provider, against: ReferenceCryptography(try KerberosCryptosystem()))
      return .success(provider.name)
    } catch {
      return .failure(Unfit(words: "\(recipe) failed its test: \(error)"))
    }
  }
}

extension ReferenceCryptography {
  /// libkrb5's functions.
  init(_ library: KerberosCryptosystem) {
    self.init(
      encrypt: { library.encrypt($0, key: $1, type: $2, usage: $3) },
      decrypt: { library.decrypt($0, key: $1, type: $2, usage: $3) },
      checksum: { library.checksum(of: $0, key: $1, type: $2, usage: $3) })
  }
}
