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
    if !recipes.isEmpty { self.select(from: recipes, &reasons) }
    self.reason = reasons.isEmpty ? nil : reasons.joined(separator: "; ")
  }

  private mutating func select(from recipes: [ProviderRecipe], _ reasons: inout [String]) {
    let reference: ReferenceCryptography
    do throws(GSSError) {
      reference = ReferenceCryptography(try KerberosCryptosystem())
    } catch {
      return reasons.append("there is nothing to test it against: \(error)")
    }
    let selection = ProviderSelection.select(recipes, against: reference)
    reasons += selection.passedOver.map(\.reason)
    self.recipe = selection.chosen?.recipe
    self.name = selection.chosen?.name ?? "system"
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
