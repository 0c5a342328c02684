/// Which cipher library a process uses, and why not another one: settled once, at start.
///
/// ```swift
/// let selection = ProviderSelection.select([.init(.multiBuffer), .portable], against: reference)
/// guard let chosen = selection.chosen else { … }          // the system's GSS library goes on protecting messages
/// let provider = try chosen.recipe.makeProvider()         // on each event loop
/// ```
public struct ProviderSelection: Hashable, Sendable {
  /// A library that passed ``ProviderSelfTest``.
  public struct Chosen: Hashable, Sendable {
    public let recipe: ProviderRecipe
    /// ``CipherProvider/name``
    public let name: String
    /// Comparisons that were made.
    public let checks: Int
  }

  /// A library that was wanted more and is not used.
  public struct PassedOver: Hashable, Sendable {
    public let recipe: ProviderRecipe
    /// For the log.
    public let reason: String
    /// It was there and gave wrong answers; else it is not there, which is nothing to worry about.
    public let failedSelfTest: Bool
  }

  /// Nil when none can be used.
  public let chosen: Chosen?
  public let passedOver: [PassedOver]

  /// Takes the first of the candidates that is there and passes the self-test. Takes some 20 ms, and blocks.
  public static func select(
    _ candidates: [ProviderRecipe], against reference: ReferenceCryptography
  ) -> ProviderSelection {
    select(candidates, against: reference) { recipe throws(ProviderUnavailable) in try recipe.makeProvider() }
  }

  static func select(
    _ candidates: [ProviderRecipe], against reference: ReferenceCryptography,
    make: (ProviderRecipe) throws(ProviderUnavailable) -> CipherProvider
  ) -> ProviderSelection {
    var passedOver: [PassedOver] = []
    for recipe in candidates {
      let provider: CipherProvider
      do throws(ProviderUnavailable) {
        provider = try make(recipe)
      } catch {
        passedOver.append(PassedOver(recipe: recipe, reason: "\(error)", failedSelfTest: false))
        continue
      }
      do throws(SelfTestFailure) {
        let checks = try ProviderSelfTest.run(provider, against: reference)
        let chosen = Chosen(recipe: recipe, name: provider.name, checks: checks)
        return ProviderSelection(chosen: chosen, passedOver: passedOver)
      } catch {
        passedOver.append(
          PassedOver(
            recipe: recipe, reason: "\(provider.name) failed its self-test: \(error)", failedSelfTest: true))
      }
    }
    return ProviderSelection(chosen: nil, passedOver: passedOver)
  }
}
