import FoundationEssentials
import NIOCore
import NIOPosix
import SOCKSCore
import SOCKSGSSAPI
import SOCKSNIO
import Testing
import ThrowawayRealm

/// Files of the acceptor's own that cannot be used: not the client's doing, whose ticket is good.
@Suite struct LocalTroubleTests {
  /// How an acceptor's step ends with a good token.
  private func outcome(
    _ configuration: GSSAcceptorProvider.Configuration, after change: () throws -> Void
  ) async throws -> SOCKSError? {
    let fixture = try await RealmFixture.ready()
    let provider = try GSSAcceptorProvider(configuration, pool: fixture.pool)
    let token = try await fixture.firstToken()
    try change()
    return try await Self.step(provider, token)
  }

  private static func step(_ provider: GSSAcceptorProvider, _ token: ByteBuffer) async throws -> SOCKSError? {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    return try await loop.flatSubmit {
      let promise = loop.makePromise(of: SOCKSError?.self)
      provider.makeEstablishment(on: loop).step(token) { step, _ in
        if case .failed(let error) = step { promise.succeed(error) } else { promise.succeed(nil) }
      }
      return promise.futureResult
    }.get()
  }

  @Test(arguments: [true, false]) func aKeytabThatIsGone(isFolder: Bool) async throws {
    let fixture = try await RealmFixture.ready()
    let path = "\(fixture.realm.folder)/gone-\(isFolder).keytab"
    let manager = FileManager.default
    if manager.fileExists(atPath: path) { try manager.removeItem(atPath: path) }
    try manager.copyItem(atPath: fixture.keytab, toPath: path)
    let error = try await self.outcome(.init(keytab: path, replayCache: "none:")) {
      try manager.removeItem(atPath: path)
      if isFolder { try manager.createDirectory(atPath: path, withIntermediateDirectories: false) }
    }
    #expect(error?.code == .keytabUnreadable, "\(String(describing: error))")
    #expect(error?.fault == .local)
  }

  @Test func aReplayCacheThatCannotBeWritten() async throws {
    let fixture = try await RealmFixture.ready()
    let error = try await self.outcome(
      .init(keytab: fixture.keytab, replayCache: "file2:/proc/nonexistent/garter/replay")
    ) {}
    #expect(error?.code == .replayCacheUnreadable, "\(String(describing: error))")
  }

  /// The same keytab serves again when it is back, and what clients send stays theirs.
  @Test func garbageIsTheClientsDoing() async throws {
    let fixture = try await RealmFixture.ready()
    let provider = try GSSAcceptorProvider(.init(keytab: fixture.keytab, replayCache: "none:"), pool: fixture.pool)
    let token = try await fixture.firstToken()
    #expect(try await Self.step(provider, token) == nil)
    for octets in [[0x60], Array(token.readableBytesView.dropLast(8))] as [[UInt8]] {
      let error = try await Self.step(provider, ByteBuffer(bytes: octets))
      #expect(error?.fault == .securityLibrary, "\(String(describing: error))")
    }
  }
}

extension RealmFixture {
  /// A good client's first token.
  func firstToken() async throws -> ByteBuffer {
    let initiators = self.initiators()
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    return try await loop.flatSubmit {
      let promise = loop.makePromise(of: ByteBuffer.self)
      let establishment = initiators.makeEstablishment(on: loop)
      establishment.step(nil) { step, _ in
        switch step {
        case .continueNeeded(let token): promise.succeed(token)
        case .complete(_, let token): promise.succeed(token ?? ByteBuffer())
        case .failed(let error): promise.fail(error)
        }
        withExtendedLifetime(establishment) {}
      }
      return promise.futureResult
    }.get()
  }
}
