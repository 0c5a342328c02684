import GSSAPI
import NIOCore
import NIOPosix
import SOCKSCore
import SOCKSGSSAPI
import SOCKSNIO
import ThrowawayRealm

/// The process's realm with a user and a service of these tests, and this process set to live in it. Made once.
struct RealmFixture: Sendable {
  static let host = "adapter.test"

  let realm: KerberosRealm
  let pool: StepPool

  var keytab: String { "\(self.realm.folder)/adapter.keytab" }
  var userKeytab: String { "\(self.realm.folder)/adapter-user.keytab" }
  var cache: String { "FILE:\(self.realm.folder)/adapter.ccache" }
  var servicePrincipal: String { "socks/\(Self.host)@\(self.realm.name)" }
  var userPrincipal: String { "adapter-user@\(self.realm.name)" }

  private static let making = Task { try await Self.make() }

  static func ready() async throws -> RealmFixture { try await self.making.value }

  private static func make() async throws -> RealmFixture {
    let fixture = RealmFixture(realm: try await KerberosRealm.ofThisProcess(), pool: StepPool(threads: 2, limit: 64))
    let realm = fixture.realm
    try KerberosEnvironment.adopt(realm.environment)
    try await realm.addPrincipal("adapter-user")
    try await realm.addPrincipal("socks/\(Self.host)")
    try await realm.exportKeytab(["adapter-user"], to: fixture.userKeytab)
    try await realm.exportKeytab(["socks/\(Self.host)"], to: fixture.keytab)
    try await realm.obtainTicket(for: "adapter-user", keytab: fixture.userKeytab, cache: fixture.cache)
    return fixture
  }

  /// What protects messages on either side.
  struct Engines: Sendable {
    var initiator = TokenEngine.automatic
    var acceptor = TokenEngine.automatic

    static let library = Engines(initiator: TokenEngine(.system), acceptor: TokenEngine(.system))
  }

  func acceptors(_ tokens: TokenEngine = .automatic) throws -> GSSAcceptorProvider {
    try GSSAcceptorProvider(.init(keytab: self.keytab, replayCache: "none:"), pool: self.pool, tokens: tokens)
  }

  func initiators(
    target: GSSInitiatorProvider.Target = .service("socks", host: host), cache: String? = nil,
    asksForSequence: Bool = true, tokens: TokenEngine = .automatic
  ) -> GSSInitiatorProvider {
    GSSInitiatorProvider(
      .init(target: target, credentialCache: cache ?? self.cache, asksForSequence: asksForSequence), pool: self.pool,
      tokens: tokens)
  }

  /// Lets two contexts step until both stand, then runs `body` on their loop.
  func established<Value: Sendable>(
    asksForSequence: Bool = true, by engines: Engines = Engines(),
    _ body: @escaping @Sendable (inout EstablishedPair) throws -> Value
  ) async throws -> Value {
    let acceptors = try self.acceptors(engines.acceptor)
    let initiators = self.initiators(asksForSequence: asksForSequence, tokens: engines.initiator)
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    return try await loop.flatSubmit {
      let promise = loop.makePromise(of: Value.self)
      let handshake = Handshake(initiators.makeEstablishment(on: loop), acceptors.makeEstablishment(on: loop)) {
        result in
        promise.completeWith(
          Result {
            var pair = try result.get()
            return try body(&pair)
          })
      }
      handshake.begin()
      return promise.futureResult
    }.get()
  }

  /// What a first step, and only that, comes to.
  func firstStep(_ initiators: GSSInitiatorProvider) async throws -> SOCKSError? {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    return try await loop.flatSubmit {
      let promise = loop.makePromise(of: SOCKSError?.self)
      initiators.makeEstablishment(on: loop).step(nil) { step, _ in
        if case .failed(let error) = step { promise.succeed(error) } else { promise.succeed(nil) }
      }
      return promise.futureResult
    }.get()
  }
}

/// Both ends of an established context, on their loop.
struct EstablishedPair {
  var initiator: any PerMessageProtection
  var acceptor: any PerMessageProtection
  var initiatorAttributes: SecurityContextAttributes
  var acceptorAttributes: SecurityContextAttributes
}

/// Two establishments that step in turn. Holds itself until it has ended.
final class Handshake {
  struct Stuck: Error {}

  private let initiator: any ContextEstablishment
  private let acceptor: any ContextEstablishment
  private let completion: (Result<EstablishedPair, any Error>) -> Void
  private var initiated: (SecurityContextAttributes, any PerMessageProtection)?
  private var accepted: (SecurityContextAttributes, any PerMessageProtection)?

  init(
    _ initiator: any ContextEstablishment, _ acceptor: any ContextEstablishment,
    completion: @escaping (Result<EstablishedPair, any Error>) -> Void
  ) {
    self.initiator = initiator
    self.acceptor = acceptor
    self.completion = completion
  }

  func begin() { self.initiate(nil) }

  private func initiate(_ token: ByteBuffer?) {
    self.initiator.step(token) { step, protection in
      switch step {
      case .continueNeeded(let token):
        self.accept(token)
      case .complete(let attributes, let token):
        self.initiated = protection.map { (attributes, $0) }
        if let token { self.accept(token) } else { self.finish() }
      case .failed(let error):
        self.completion(.failure(error))
      }
    }
  }

  private func accept(_ token: ByteBuffer) {
    self.acceptor.step(token) { step, protection in
      switch step {
      case .continueNeeded(let token):
        self.initiate(token)
      case .complete(let attributes, let token):
        self.accepted = protection.map { (attributes, $0) }
        if let token { self.initiate(token) } else { self.finish() }
      case .failed(let error):
        self.completion(.failure(error))
      }
    }
  }

  private func finish() {
    guard let initiated, let accepted else { return self.completion(.failure(Stuck())) }
    self.completion(
      .success(
        EstablishedPair(
          initiator: initiated.1, acceptor: accepted.1, initiatorAttributes: initiated.0,
          acceptorAttributes: accepted.0)))
  }
}
