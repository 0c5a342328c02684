import NIOCore
import NIOPosix
import SOCKSCore
import SOCKSGSSAPI
import SOCKSNIO
import Testing
import ThrowawayRealm

@Suite struct EstablishmentTests {
  @Test func bothSidesKnowEachOther() async throws {
    let fixture = try await RealmFixture.ready()
    let (ours, theirs) = try await fixture.established { ($0.initiatorAttributes, $0.acceptorAttributes) }
    for attributes in [ours, theirs] {
      #expect(attributes.services == [.mutual, .replay, .sequence, .integrity, .confidentiality])
      #expect(attributes.mechanism == "krb5" && attributes.encryptionType == 18)
      #expect(attributes.initiatorName == fixture.userPrincipal)
      #expect(attributes.acceptorName == fixture.servicePrincipal)
      let lifetime = try #require(attributes.lifetime)
      #expect(lifetime > 3_600 && lifetime <= 24 * 3_600 + 300)
    }
    #expect(ContextRequirements.acceptor(servedNames: ["socks"]).violation(of: theirs) == nil)
    #expect(ContextRequirements.initiator(level: .confidentiality).violation(of: ours) == nil)
    #expect(ContextRequirements.acceptor(servedNames: ["rcmd"]).violation(of: theirs)?.code == .serviceNotServed)
  }

  @Test func withoutTheSequenceFlag() async throws {
    let fixture = try await RealmFixture.ready()
    let services = try await fixture.established(asksForSequence: false) { $0.acceptorAttributes.services }
    #expect(services == [.mutual, .replay, .integrity, .confidentiality])
  }

  @Test func anUnknownServiceIsNamed() async throws {
    let fixture = try await RealmFixture.ready()
    let error = try await fixture.firstStep(
      fixture.initiators(target: .service("nosuch", host: RealmFixture.host)))
    #expect(error?.code == .unknownService && error?.detail.contains("nosuch/\(RealmFixture.host)") == true)
    let principal = try await fixture.firstStep(
      fixture.initiators(target: .principal("nosuch/x@\(fixture.realm.name)")))
    #expect(principal?.code == .unknownService)
  }

  @Test func aWholePrincipalIsATarget() async throws {
    let fixture = try await RealmFixture.ready()
    #expect(try await fixture.firstStep(fixture.initiators(target: .principal(fixture.servicePrincipal))) == nil)
  }

  @Test func aMissingTicketIsTold() async throws {
    let fixture = try await RealmFixture.ready()
    let error = try await fixture.firstStep(
      fixture.initiators(cache: "FILE:\(fixture.realm.folder)/adapter-none.ccache"))
    #expect(error?.code == .noCredentials)
  }

  @Test func anExpiredTicketIsTold() async throws {
    let fixture = try await RealmFixture.ready()
    let cache = "FILE:\(fixture.realm.folder)/adapter-expired.ccache"
    try await fixture.realm.obtainTicket(
      for: "adapter-user", keytab: fixture.userKeytab, cache: cache, lifetime: "1s")
    // Until the second is over there may be no error.
    var error: SOCKSError?
    let deadline = ContinuousClock.now + .seconds(10)
    while error == nil, ContinuousClock.now < deadline {
      error = try await fixture.firstStep(fixture.initiators(cache: cache))
    }
    #expect(error?.code == .credentialsExpired)
  }

  @Test func aMissingKeytabIsTold() async throws {
    let fixture = try await RealmFixture.ready()
    let error = #expect(throws: SOCKSError.self) {
      try GSSAcceptorProvider(.init(keytab: "/nonexistent/keytab"), pool: fixture.pool)
    }
    #expect(error?.code == .keytabUnreadable && error?.fault == .local)
  }

  @Test(arguments: [[0x60], [0x60, 0x82, 0xff, 0xff], [UInt8](repeating: 0x41, count: 65_535)] as [[UInt8]])
  func garbageFails(token: [UInt8]) async throws {
    let acceptors = try await RealmFixture.ready().acceptors()
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let codes = try await loop.flatSubmit {
      let promise = loop.makePromise(of: [SOCKSError.Code].self)
      let establishment = acceptors.makeEstablishment(on: loop)
      establishment.step(ByteBuffer(bytes: token)) { first, _ in
        // The pending context is gone: a further step is our own slip, and says so.
        establishment.step(ByteBuffer(bytes: token)) { second, _ in
          promise.succeed([first, second].compactMap { if case .failed(let error) = $0 { error.code } else { nil } })
        }
      }
      return promise.futureResult
    }.get()
    #expect(codes == [.contextFailed, .internalError])
  }

  @Test func aFullPoolRefuses() async throws {
    let fixture = try await RealmFixture.ready()
    let pool = StepPool(threads: 1, limit: 1)
    let acceptors = try GSSAcceptorProvider(.init(keytab: fixture.keytab, replayCache: "none:"), pool: pool)
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let outcomes = try await loop.flatSubmit {
      // All in one turn of the loop: the count goes down on the pool's thread, but the limit is one at a time.
      let futures = (0..<200).map { _ in
        let promise = loop.makePromise(of: SOCKSError.Code?.self)
        var hasReturned = false
        acceptors.makeEstablishment(on: loop).step(ByteBuffer(bytes: [0x60])) { step, _ in
          guard hasReturned, case .failed(let error) = step else { return promise.succeed(nil) }
          promise.succeed(error.code)
        }
        hasReturned = true
        return promise.futureResult
      }
      return EventLoopFuture.whenAllSucceed(futures, on: loop)
    }.get()
    #expect(Set(outcomes) == [.contextFailed, .queueFull])
    #expect(outcomes.first == .contextFailed && pool.load == 0)
    await pool.shutdown()
    let late = try await loop.flatSubmit {
      let promise = loop.makePromise(of: SOCKSError.Code?.self)
      acceptors.makeEstablishment(on: loop).step(ByteBuffer(bytes: [0x60])) { step, _ in
        if case .failed(let error) = step { promise.succeed(error.code) } else { promise.succeed(nil) }
      }
      return promise.futureResult
    }.get()
    #expect(late == .stopping)
  }
}
