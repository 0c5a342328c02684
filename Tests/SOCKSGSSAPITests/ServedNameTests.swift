import FoundationEssentials
import GSSAPI
import NIOCore
import NIOPosix
import SOCKSCore
import SOCKSNIO
import Synchronization
import Testing
import ThrowawayRealm

@testable import SOCKSGSSAPI

/// The acceptor serves the name that the client asked for, whatever else is in the keytab.
@Suite struct ServedNameTests {
  private static let service = "socks/\(RealmFixture.host)"

  // MARK: Several names with one key

  /// As adcli, msktutil and samba-tool write keytabs: the account first, one key under all names.
  @Test(arguments: [
    ["GW$", "host/adapter.test", "socks/adapter.test"], ["socks/adapter.test", "GW$", "host/adapter.test"],
    ["rcmd/adapter.test", "socks/other.test", "socks/adapter.test", "GW$"],
    ["HOST/ADAPTER", "host/adapter.test@OTHER", "socks/adapter", "socks/adapter.test"],
  ])
  func theOrderOfTheKeytabDoesNotMatter(_ names: [String]) async throws {
    let fixture = try await RealmFixture.ready()
    let original = try KeytabFixture.read(fixture.keytab)
    let keytab = try await KeytabFixture(names.flatMap { original.keys(of: Self.service, as: $0) })
    #expect(try await fixture.served(by: keytab.path) == fixture.servicePrincipal)
  }

  @Test func theSameNameInAnotherRealmDoesNotMatter() async throws {
    let fixture = try await RealmFixture.ready()
    let original = try KeytabFixture.read(fixture.keytab)
    let keytab = try await KeytabFixture(
      original.keys(of: Self.service, as: Self.service, realm: "A.OTHER") + original.entries
        + original.keys(of: Self.service, as: Self.service, realm: fixture.realm.name.lowercased()))
    #expect(try await fixture.served(by: keytab.path) == fixture.servicePrincipal)
  }

  @Test func theHostIsFoundInWhateverCase() async throws {
    let fixture = try await RealmFixture.ready()
    let mixed = try await fixture.addService("socks/Mixed.ADAPTER.test")
    let folded = KeytabContents(entries: mixed.keys(of: "socks/Mixed.ADAPTER.test", as: "socks/mixed.adapter.test"))
    let target = GSSInitiatorProvider.Target.principal("socks/Mixed.ADAPTER.test@\(fixture.realm.name)")
    let name = "socks/mixed.adapter.test@\(fixture.realm.name)"
    #expect(try await fixture.served(by: KeytabFixture(folded.entries).path, target) == name)

    // The exact name comes first, wherever it is; the other key would not open the ticket.
    let wrong = folded.entries.map { entry in
      var entry = entry
      entry.key = entry.key.reversed()
      return entry
    }
    let both = try await KeytabFixture(wrong + mixed.entries)
    #expect(
      try await fixture.served(by: both.path, target) == "socks/Mixed.ADAPTER.test@\(fixture.realm.name)")
  }

  @Test func aKeyWithAnotherVersionNumberOpensTheTicket() async throws {
    let fixture = try await RealmFixture.ready()
    let original = try KeytabFixture.read(fixture.keytab)
    let keytab = try await KeytabFixture(original.keys(of: Self.service, as: Self.service, version: 77))
    #expect(try await fixture.served(by: keytab.path) == fixture.servicePrincipal)
  }

  @Test func manyNamesAreServedInTurn() async throws {
    let fixture = try await RealmFixture.ready()
    let original = try KeytabFixture.read(fixture.keytab)
    let names = (0..<300).map { "socks/h\($0).adapter.test" }
    let keytab = try await KeytabFixture(
      names.flatMap { original.keys(of: Self.service, as: $0) } + original.entries)
    let credentials = AcceptorCredentials(
      .init(keytab: keytab.path, replayCache: "none:"), onWritableKeytab: { _ in })
    for name in names {
      let server = KerberosTicketServer(
        realm: Array(fixture.realm.name.utf8), nameType: 1,
        components: name.split(separator: "/").map { Array($0.utf8) })
      let loan = try credentials.borrow(for: server)
      #expect(loan.principal.description == "\(name)@\(fixture.realm.name)")
      credentials.giveBack(loan)
    }
    #expect(credentials.idleCount <= AcceptorCredentials.maximumIdle)
  }

  @Test func twoStepsAtATimeHaveACredentialEach() async throws {
    let fixture = try await RealmFixture.ready()
    let credentials = AcceptorCredentials(
      .init(keytab: fixture.keytab, replayCache: "none:"), onWritableKeytab: { _ in })
    // What is in a file that was written just now is not kept.
    let first = try credentials.borrow(for: nil)
    let second = try credentials.borrow(for: nil)
    #expect(first.credential !== second.credential)
  }

  // MARK: Names that are not served

  @Test func aNameWithoutAnEntryIsRefused() async throws {
    let fixture = try await RealmFixture.ready()
    _ = try await fixture.addService("socks/elsewhere.test")
    let error = try await fixture.refusal(by: fixture.keytab, .service("socks", host: "elsewhere.test"))
    #expect(error?.code == .serviceNotServed)
    #expect(error?.serviceClaimed == "socks/elsewhere.test@\(fixture.realm.name)")
    let detail = error?.detail ?? ""
    for part in [
      "socks/elsewhere.test@", "ktadd -k \(fixture.keytab)", "adcli", "served are \(fixture.servicePrincipal)",
    ] {
      #expect(detail.contains(part), "\(detail)")
    }
  }

  /// The same key under a name that is not served: the ticket would open, and is refused before.
  @Test(arguments: ["host/adapter.test", "SOCKS/adapter.test"])
  func anotherServiceIsRefused(_ name: String) async throws {
    let fixture = try await RealmFixture.ready()
    let own = try await fixture.addService(name)
    let keytab = try await KeytabFixture(own.entries + KeytabFixture.read(fixture.keytab).entries)
    let error = try await fixture.refusal(by: keytab.path, .principal("\(name)@\(fixture.realm.name)"))
    #expect(error?.code == .serviceNotServed)
    #expect(error?.detail.contains("kerberos.services") == true, "\(error?.detail ?? "")")
  }

  @Test func theListOfNamesIsBounded() async throws {
    let fixture = try await RealmFixture.ready()
    let original = try KeytabFixture.read(fixture.keytab)
    let keytab = try await KeytabFixture((0..<500).flatMap { original.keys(of: Self.service, as: "socks/h\($0).test") })
    let error = try await fixture.refusal(by: keytab.path)
    #expect(error?.code == .serviceNotServed)
    #expect((error?.detail.count ?? 10_000) < 2_000)
    #expect(error?.detail.contains("and 492 more") == true)
  }

  @Test func aTokenWithoutANameIsLeftToTheLibrary() async throws {
    let fixture = try await RealmFixture.ready()
    let error = try await fixture.refusal(by: fixture.keytab, token: [0x60, 0x03, 0x06, 0x01, 0x2a])
    #expect(error?.code == .contextFailed && error?.serviceClaimed == nil)
  }

  /// The wrong key: the library says so, and the record has the name that was asked for.
  @Test func aFailedLoginHasTheClaimedName() async throws {
    let fixture = try await RealmFixture.ready()
    let wrong = try KeytabFixture.read(fixture.keytab).entries.map { entry in
      var entry = entry
      entry.key = entry.key.reversed()
      return entry
    }
    let error = try await fixture.refusal(by: KeytabFixture(wrong).path)
    #expect(error?.code == .contextFailed)
    #expect(error?.serviceClaimed == fixture.servicePrincipal)
  }

  // MARK: SPNEGO

  @Test func aNegotiatedTicketIsReadToo() async throws {
    let fixture = try await RealmFixture.ready()
    let original = try KeytabFixture.read(fixture.keytab)
    let keytab = try await KeytabFixture(
      original.keys(of: Self.service, as: "socks/first.test") + original.entries)
    let credential = try GSSCredential(
      initiatorFor: nil, mechanisms: [.spnego], store: GSSCredentialStore(credentialCache: fixture.cache))
    let initiator = GSSInitiator(
      target: try .hostBased("socks@\(RealmFixture.host)"), mechanism: .spnego,
      flags: [.mutual, .replay, .integrity, .confidentiality], credential: credential)
    guard case .continueNeeded(_, let token) = try initiator.step(nil) else {
      Issue.record("no token")
      return
    }
    let outcome = try await fixture.accept(
      token, by: .init(keytab: keytab.path, replayCache: "none:", allowsNegotiation: true))
    #expect(try outcome.get() == fixture.servicePrincipal)
  }

  // MARK: The keytab while the gateway runs

  @Test func aNewKeyIsUsedAtOnce() async throws {
    let fixture = try await RealmFixture.ready()
    let name = "socks/rotating.test"
    let first = try await fixture.addService(name)
    let keytab = try await KeytabFixture(first.entries)
    let acceptors = try GSSAcceptorProvider(.init(keytab: keytab.path, replayCache: "none:"), pool: fixture.pool)
    let target = GSSInitiatorProvider.Target.service("socks", host: "rotating.test")
    #expect(try await fixture.accept(fixture.token(target), by: acceptors).get() == "\(name)@\(fixture.realm.name)")

    try await fixture.realm.changeKey(of: name, keepOld: false)
    let path = "\(fixture.realm.folder)/rotated-\(UUID().uuidString).keytab"
    try await fixture.realm.exportKeytab([name], to: path)
    // In place, within the same second: the file's size and inode stay.
    try keytab.write(KeytabFixture.read(path).entries)
    let cache = "FILE:\(fixture.realm.folder)/rotated-\(UUID().uuidString).ccache"
    try await fixture.realm.obtainTicket(for: "adapter-user", keytab: fixture.userKeytab, cache: cache)
    let token = try await fixture.token(target, cache: cache)
    #expect(try await fixture.accept(token, by: acceptors).get() == "\(name)@\(fixture.realm.name)")
  }

  @Test func aMissingKeytabIsTheGatewaysTrouble() async throws {
    let fixture = try await RealmFixture.ready()
    let entries = try KeytabFixture.read(fixture.keytab).entries
    let keytab = try await KeytabFixture(entries)
    let acceptors = try GSSAcceptorProvider(.init(keytab: keytab.path, replayCache: "none:"), pool: fixture.pool)
    try FileManager.default.removeItem(atPath: keytab.path)
    let token = try await fixture.token()
    guard case .failure(let error) = try await fixture.accept(token, by: acceptors) else {
      Issue.record("a keytab that is not there was read")
      return
    }
    #expect(error.code == .keytabUnreadable && error.fault == .local)
    #expect(error.detail == "the keytab \(keytab.path) cannot be read: No such file or directory")
    try keytab.write(entries)
    #expect(try await fixture.accept(fixture.token(), by: acceptors).get() == fixture.servicePrincipal)
    // Without a key to serve it is no better.
    try keytab.write(KeytabContents(entries: entries).keys(of: Self.service, as: "GW$"))
    guard case .failure(let error) = try await fixture.accept(fixture.token(), by: acceptors) else {
      Issue.record("a keytab without the service was used")
      return
    }
    #expect(error.code == .keytabUnreadable && error.detail.contains("has no key for socks/… or rcmd/…"))
  }

  @Test func aReplayCacheThatCannotBeUsedIsTheGatewaysTrouble() async throws {
    let fixture = try await RealmFixture.ready()
    let acceptors = try GSSAcceptorProvider(
      .init(keytab: fixture.keytab, replayCache: "file2:/proc/nonexistent/replay"), pool: fixture.pool)
    guard case .failure(let error) = try await fixture.accept(fixture.token(), by: acceptors) else {
      Issue.record("a replay cache that is not there was used")
      return
    }
    #expect(error.code == .replayCacheUnreadable && error.fault == .local)
    #expect(error.detail.hasPrefix("the replay cache cannot be read or written: No such file or directory"))
    #expect(error.detail.contains("/nonexistent/replay"))
  }

  @Test func aKeytabThatOthersMayWriteIsReportedOnceAChange() async throws {
    let fixture = try await RealmFixture.ready()
    let keytab = try await KeytabFixture(KeytabFixture.read(fixture.keytab).entries)
    let reports = Mutex<[String]>([])
    let acceptors = try GSSAcceptorProvider(
      .init(keytab: keytab.path, replayCache: "none:"), pool: fixture.pool
    ) { text in reports.withLock { $0.append(text) } }
    let before = reports.withLock { $0 }
    #expect(before.isEmpty)
    try FileManager.default.setAttributes([.posixPermissions: 0o660], ofItemAtPath: keytab.path)
    for _ in 0..<3 {
      #expect(try await fixture.accept(fixture.token(), by: acceptors).get() == fixture.servicePrincipal)
    }
    let texts = reports.withLock { $0 }
    #expect(texts.count == 1)
    #expect(texts.first?.contains("\(keytab.path) (mode 660)") == true, "\(texts)")
  }
}

/// A keytab file of one test's own.
private struct KeytabFixture {
  let path: String

  init(_ entries: [KeytabContents.Entry]) async throws {
    self.path = "\(try await RealmFixture.ready().realm.folder)/\(UUID().uuidString).keytab"
    try self.write(entries)
  }

  func write(_ entries: [KeytabContents.Entry]) throws {
    try Data(KeytabContents(entries: entries).bytes).write(to: URL(filePath: self.path))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: self.path)
  }

  static func read(_ path: String) throws -> KeytabContents {
    try #require(KeytabContents(bytes: Array(Data(contentsOf: URL(filePath: path)))))
  }
}

extension RealmFixture {
  /// A further service of the realm, and its keys.
  fileprivate func addService(_ name: String) async throws -> KeytabContents {
    try await self.realm.addPrincipal(name)
    let path = "\(self.realm.folder)/\(UUID().uuidString).keytab"
    try await self.realm.exportKeytab([name], to: path)
    return try KeytabFixture.read(path)
  }

  /// A first token of the user.
  fileprivate func token(
    _ target: GSSInitiatorProvider.Target = .service("socks", host: host), cache: String? = nil
  ) async throws -> [UInt8] {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let initiators = self.initiators(target: target, cache: cache)
    return try await loop.flatSubmit {
      let promise = loop.makePromise(of: [UInt8].self)
      initiators.makeEstablishment(on: loop).step(nil) { step, _ in
        switch step {
        case .continueNeeded(let token): promise.succeed(Array(token.readableBytesView))
        case .complete: promise.fail(Handshake.Stuck())
        case .failed(let error): promise.fail(error)
        }
      }
      return promise.futureResult
    }.get()
  }

  /// What the acceptor makes of a first token: its own name in the context.
  fileprivate func accept(
    _ token: [UInt8], by acceptors: GSSAcceptorProvider
  ) async throws -> Result<String, SOCKSError> {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    return try await loop.flatSubmit {
      let promise = loop.makePromise(of: Result<String, SOCKSError>.self)
      acceptors.makeEstablishment(on: loop).step(ByteBuffer(bytes: token)) { step, _ in
        switch step {
        case .continueNeeded: promise.fail(Handshake.Stuck())
        case .complete(let attributes, _): promise.succeed(.success(attributes.acceptorName))
        case .failed(let error): promise.succeed(.failure(error))
        }
      }
      return promise.futureResult
    }.get()
  }

  fileprivate func accept(
    _ token: [UInt8], by configuration: GSSAcceptorProvider.Configuration
  ) async throws -> Result<String, SOCKSError> {
    try await self.accept(token, by: GSSAcceptorProvider(configuration, pool: self.pool))
  }

  /// The service that a client of this target reaches with a keytab.
  fileprivate func served(
    by keytab: String, _ target: GSSInitiatorProvider.Target = .service("socks", host: host)
  ) async throws -> String {
    try await self.accept(self.token(target), by: .init(keytab: keytab, replayCache: "none:")).get()
  }

  fileprivate func refusal(
    by keytab: String, _ target: GSSInitiatorProvider.Target = .service("socks", host: host), token: [UInt8]? = nil
  ) async throws -> SOCKSError? {
    let first = if let token { token } else { try await self.token(target) }
    switch try await self.accept(first, by: .init(keytab: keytab, replayCache: "none:")) {
    case .success: return nil
    case .failure(let error): return error
    }
  }
}
