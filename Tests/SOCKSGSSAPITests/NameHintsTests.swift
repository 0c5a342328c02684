import Dispatch
import GSSAPI
import SOCKSCore
import Synchronization
import Testing

@testable import SOCKSGSSAPI

@Suite struct NameHintsTests {
  private typealias Request = KerberosInitiation.Request

  private func hints(_ code: SOCKSError.Code, _ host: String, trustsDNS: Bool = false) -> String {
    NameHints(code, Request(gateway: .service("socks", host: host), trustsDNS: trustsDNS), nil).texts.joined()
  }

  @Test(arguments: [
    ("gw", "short name"), ("gw.", "short name"), ("127.0.0.1", "an address"), ("::1", "an address"), ("gw.test", ""),
  ])
  func theFormOfAnUnknownNameIsNoted(host: String, words: String) {
    let text = self.hints(.unknownService, host)
    #expect(words.isEmpty ? text.isEmpty : text.contains(words) && text.contains("--principal or --trust-dns"))
    // Nothing is to be said of a name that DNS may choose.
    #expect(self.hints(.unknownService, host, trustsDNS: true).isEmpty)
  }

  /// The lookups are over in time, or go unheard: the error is reported all the same.
  @Test func aLookupThatHangsDoesNotHoldTheErrorUp() async throws {
    let realm = try await RealmFixture.ready()
    let lookup = HangingLookup()
    let initiators = GSSInitiatorProvider(
      .init(target: .service("socks", host: "nosuch.adapter.test"), credentialCache: realm.cache), pool: realm.pool,
      otherNames: { _ in
        lookup.wait()
        return []
      })
    let error = try await realm.firstStep(initiators)
    #expect(error == SOCKSError(.unknownService))
    #expect(!lookup.hasEnded)
    lookup.end()
  }

  @Test func anotherNameThatKerberosKnowsIsNamed() async throws {
    let realm = try await RealmFixture.ready()
    let initiators = GSSInitiatorProvider(
      .init(target: .service("socks", host: "alias.adapter.test"), credentialCache: realm.cache), pool: realm.pool,
      otherNames: { host in host == "alias.adapter.test" ? ["nosuch.test", RealmFixture.host] : [] })
    let error = try #require(try await realm.firstStep(initiators))
    #expect(error.code == .unknownService)
    #expect(error.detail.contains("--principal \(realm.servicePrincipal), or --trust-dns"), "\(error)")
    #expect(error.detail.contains("operator confirms"), "\(error)")
    #expect(!error.detail.contains("nosuch.test"), "\(error)")
    #expect(!error.detail.contains("gss_"), "\(error)")
  }
}

/// A resolver that does not answer before it is told to, or for half a minute.
private final class HangingLookup: Sendable {
  private let semaphore = DispatchSemaphore(value: 0)
  private let ended = Mutex(false)

  var hasEnded: Bool { self.ended.withLock { $0 } }

  func wait() {
    _ = self.semaphore.wait(timeout: .now() + 30)
    self.ended.withLock { $0 = true }
  }

  func end() { self.semaphore.signal() }
}
