import Foundation
import GSSAPI
import Testing

@testable import KerberosTokens

/// Token after token against the system's library: ours opened by it, its own opened by us, and of altered ones the same
/// verdict. `GARTER_DIFFERENTIAL_TOKENS` and `GARTER_DIFFERENTIAL_MUTATIONS` say how many; the release build is for many.
@Suite struct DifferentialTests {
  private static func count(_ variable: String, default standard: Int) -> Int {
    ProcessInfo.processInfo.environment[variable].flatMap(Int.init) ?? standard
  }

  @Test(arguments: EncryptionType.allCases)
  func everyTokenIsTheLibrarys(type: EncryptionType) async throws {
    let settings = try await LibraryFixture.ready().settings(type)
    let count = Self.count("GARTER_DIFFERENTIAL_TOKENS", default: 300_000) / EncryptionType.allCases.count
    await #expect(processExitsWith: .success) { [settings = settings as LibrarySettings, count = count as Int] in
      try settings.adopt()
      try Differential.runTokens(settings, count: count)
    }
  }

  @Test(arguments: EncryptionType.allCases)
  func everyVerdictIsTheLibrarys(type: EncryptionType) async throws {
    let settings = try await LibraryFixture.ready().settings(type)
    let count = Self.count("GARTER_DIFFERENTIAL_MUTATIONS", default: 192_000) / EncryptionType.allCases.count
    await #expect(processExitsWith: .success) { [settings = settings as LibrarySettings, count = count as Int] in
      try settings.adopt()
      try Differential.runMutations(settings, count: count)
    }
  }
}

/// Every provider, role, and kind of key with contexts of their own.
enum Differential {
  private static func each(
    _ settings: LibrarySettings, _ body: (CipherProvider, _ isInitiator: Bool, _ mutual: Bool) throws -> Void
  ) throws {
    for recipe in ProviderRecipe.underTest {
      let provider = try recipe.makeProvider()
      for isInitiator in [true, false] {
        for mutual in [true, false] { try body(provider, isInitiator, mutual) }
      }
    }
  }

  private static func share(_ count: Int) -> Int { max(1, count / (ProviderRecipe.underTest.count * 4)) }

  static func runTokens(_ settings: LibrarySettings, count: Int) throws {
    var tokens = TokenDifferential()
    try each(settings) { provider, isInitiator, mutual in
      var pair = try settings.established(mutual: mutual)
      if isInitiator {
        try tokens.compare(&pair.initiator, &pair.acceptor, provider, settings.type, mutual, count: share(count))
      } else {
        try tokens.compare(&pair.acceptor, &pair.initiator, provider, settings.type, mutual, count: share(count))
      }
    }
    #expect(tokens.count >= count * 9 / 10)
  }

  static func runMutations(_ settings: LibrarySettings, count: Int) throws {
    var mutations = MutationDifferential()
    try each(settings) { provider, isInitiator, mutual in
      var pair = try settings.established(mutual: mutual)
      if isInitiator {
        try mutations.compare(&pair.initiator, &pair.acceptor, provider, count: share(count))
      } else {
        try mutations.compare(&pair.acceptor, &pair.initiator, provider, count: share(count))
      }
    }
    #expect(mutations.count >= count * 9 / 10)
    // Else the comparison proves little: most altered tokens are refused, some are the same token.
    #expect(mutations.refused > mutations.count / 2 && mutations.opened > mutations.count / 100)
  }
}
