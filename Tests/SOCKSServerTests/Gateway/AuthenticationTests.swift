import Logging
import NIOCore
import Platform
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSServer

/// The methods of a gateway, over real sockets.
@Suite(.timeLimit(.minutes(1))) struct AuthenticationTests {
  typealias Setting = GatewayUnderTest.Setting
  typealias Clients = Configuration.Listener.Clients

  static let here = Clients(from: [.loopback])

  static func allow(_ who: String) throws -> AccessRule {
    .allow([.connect], identities: [try IdentityPattern(parsing: who)], targets: [.network(.loopback)], name: who)
  }

  static func request(to origin: Origin) -> [UInt8] { ByteScript.connect(0x7f00_0001, port: origin.port) }

  static func login(_ name: String, _ password: String) -> [UInt8] {
    [0x01, UInt8(name.utf8.count)] + name.utf8 + [UInt8(password.utf8.count)] + password.utf8
  }

  /// Lends a gateway with passwords: `alice` has `secret`.
  static func withPasswords(
    _ change: (inout Setting) throws -> Void = { _ in },
    _ body: (GatewayUnderTest, PasswordFolder) async throws -> Void
  ) async throws {
    try await PasswordFolder.lend { folder in
      var setting = Setting()
      setting.methods = [.password]
      setting.passwords = folder.configuration
      setting.rules = [try Self.allow("user:alice")]
      try change(&setting)
      try await GatewayUnderTest.with(setting) { try await body($0, folder) }
    }
  }

  /// Sends a greeting and gives back the method chosen.
  static func choose(_ peer: Peer, _ offer: [UInt8]) async throws -> [UInt8] {
    try await peer.send([0x05, UInt8(offer.count)] + offer)
    return await peer.read(2)
  }

  /// Asks for the origin in clear, and carries data both ways.
  static func relayInClear(_ peer: Peer, to origin: Origin) async throws {
    try await peer.send(Self.request(to: origin))
    #expect(await peer.read(10).starts(with: [0x05, 0x00, 0x00, 0x01]))
    let target = try await origin.accepted()
    try await peer.send([0x75, 0x70])
    #expect(await target.read(2) == [0x75, 0x70])
    try await target.send([0x64, 0x6f, 0x77, 0x6e])
    #expect(await peer.read(4) == [0x64, 0x6f, 0x77, 0x6e])
    try await target.finish()
    try await peer.finish()
    #expect(await peer.end() == .ended)
    await target.close()
  }

  // MARK: Passwords

  @Test func aRightPasswordLeadsToARelayInClear() async throws {
    let origin = try await Origin()
    try await Self.withPasswords { gateway, _ in
      let peer = try await gateway.client().peer
      #expect(try await Self.choose(peer, [0x00, 0x02]) == [0x05, 0x02])
      try await peer.send(Self.login("alice", "secret"))
      #expect(await peer.read(2) == [0x01, 0x00])
      try await Self.relayInClear(peer, to: origin)
      let record = try await gateway.log.next()
      #expect(record["method"] == "password" && record["principal"] == "user:alice")
      #expect(record["rule"] == "rule 1 (user:alice)" && record["reason"] == "completed")
      #expect(record["level"] == nil && record["mechanism"] == nil && record["compatibility"] == nil)
      #expect(record["bytes_up"] == "2" && record["bytes_down"] == "4" && record.level == .info)
    }
    try await origin.close()
  }

  /// All failures look the same: two octets, then the end.
  @Test(
    arguments: [
      ("alice", "wrong", "is wrong"), ("alice", "", "is wrong"), ("bob", "secret", "no such user"),
      ("", "secret", "no such user"), ("", "", "no such user"), ("alice\u{1b}[2J", "secret", "no such user"),
      ("user:alice", "secret", "no such user"), ("alice@GARTER.TEST", "secret", "no such user"),
    ])
  func everyFailureIsTheSameToTheClient(name: String, password: String, detail: String) async throws {
    try await Self.withPasswords { gateway, _ in
      let peer = try await gateway.client().peer
      #expect(try await Self.choose(peer, [0x02]) == [0x05, 0x02])
      // What comes behind the password is never looked at.
      try await peer.send(Self.login(name, password) + ByteScript.connect(0x7f00_0001, port: 9))
      #expect(await peer.end() == .ended)
      #expect(peer.unread == [0x01, 0x01])
      await peer.close()
      let record = try await gateway.log.next()
      #expect(record["reason"] == "password-refused" && record["phase"] == "authentication")
      #expect(record["detail"]?.contains(detail) == true, "\(record)")
      #expect(record["principal"] == nil && record["target"] == nil && record["method"] == "password")
      // Passwords are typed where names should be, and the other way round: neither is in the log.
      #expect(record.fields.values.allSatisfy { !$0.contains("secret") && !$0.contains("bob") })
    }
  }

  @Test func tooManyFailuresLookTheSame() async throws {
    try await Self.withPasswords {
      $0.passwords?.failuresPerMinute = 2
    } _: { gateway, _ in
      for attempt in 0..<4 {
        let peer = try await gateway.client().peer
        _ = try await Self.choose(peer, [0x02])
        try await peer.send(Self.login("alice", attempt < 2 ? "wrong" : "secret"))
        #expect(await peer.end() == .ended)
        #expect(peer.unread == [0x01, 0x01])
        await peer.close()
        let record = try await gateway.log.next()
        #expect(record["detail"]?.contains("too many") == (attempt >= 2), "\(record)")
      }
    }
  }

  /// Checks that find no room look like wrong passwords, right as they may be.
  @Test func aFullQueueLooksTheSame() async throws {
    try await PasswordFolder.lend { folder in
      // A check takes far longer than all of these take to ask for one.
      try folder.write(["alice": "secret"], cost: ScryptCost(logN: 16, blockSize: 8, parallelisation: 1))
      var setting = Setting()
      setting.methods = [.password]
      setting.passwords = folder.configuration
      setting.passwords?.threads = 1
      setting.passwords?.queue = 1
      setting.rules = [try Self.allow("user:alice")]
      try await GatewayUnderTest.with(setting) { gateway in
        var peers: [Peer] = []
        for _ in 0..<8 {
          let peer = try await gateway.client().peer
          _ = try await Self.choose(peer, [0x02])
          peers.append(peer)
        }
        for peer in peers { try await peer.send(Self.login("alice", "secret")) }
        var refused = 0
        for peer in peers {
          let answer = await peer.read(2)
          if answer == [0x01, 0x01] {
            refused += 1
            #expect(await peer.end() == .ended)
            #expect(peer.unread.isEmpty)
          } else {
            #expect(answer == [0x01, 0x00])
          }
          await peer.close()
        }
        var reasons: [String?] = []
        for _ in peers { reasons.append(try await gateway.log.next()["reason"]) }
        #expect(refused > 0 && reasons.count { $0 == "password-queue-full" } == refused, "\(reasons)")
      }
    }
  }

  /// A name is one value of the record, whatever it holds: what writes the log quotes it.
  @Test func aNameWithASpaceIsOneValue() async throws {
    try await Self.withPasswords { _ in
    } _: { gateway, folder in
      try folder.write(["alice principal=root@R": "secret"])
      let peer = try await gateway.client().peer
      _ = try await Self.choose(peer, [0x02])
      try await peer.send(Self.login("alice principal=root@R", "secret"))
      #expect(await peer.read(2) == [0x01, 0x00])
      await peer.close()
      let shown = try #require(try await gateway.log.next()["principal"])
      #expect(shown.hasPrefix("user:alice") && shown.hasSuffix(" principal=root\\@R"), "\(shown)")
    }
  }

  /// Denied users, and targets under a deny rule: one reply, whatever there is behind it.
  @Test func everyRefusalByRuleIsTheSameToTheClient() async throws {
    let origin = try await Origin()
    try await PasswordFolder.lend { folder in
      try folder.write(["alice": "secret", "mallory": "secret"])
      var setting = Setting()
      setting.methods = [.password]
      setting.passwords = folder.configuration
      setting.rules = [
        .deny([.connect], targets: [try TargetPattern(parsing: "denied.test")]), try Self.allow("user:alice"),
      ]
      try await GatewayUnderTest.with(setting) { gateway in
        var answers: Set<[UInt8]> = []
        let unknown = SOCKSRequest(command: .connect, destination: try SOCKSAddress(name: "denied.test", port: 80))
        var named = ByteBuffer()
        unknown.encode(into: &named)
        for (name, request) in [
          ("mallory", Self.request(to: origin)), ("mallory", ByteScript.connect(0x7f00_0001, port: 1)),
          ("alice", Array(named.readableBytesView)), ("alice", ByteScript.connect(0x0808_0808, port: 1)),
        ] {
          let peer = try await gateway.client().peer
          _ = try await Self.choose(peer, [0x02])
          try await peer.send(Self.login(name, "secret"))
          #expect(await peer.read(2) == [0x01, 0x00])
          try await peer.send(request)
          #expect(await peer.end() == .ended)
          answers.insert(peer.unread)
          await peer.close()
          #expect(try await gateway.log.next()["reason"] == "refused-by-rule")
        }
        #expect(answers == [[0x05, 0x02, 0x00, 0x01, 0, 0, 0, 0, 0, 0]])
      }
    }
    try await origin.close()
  }

  /// A user of the same name as a principal has none of its rights.
  @Test func aUserIsNoPrincipal() async throws {
    let origin = try await Origin()
    try await PasswordFolder.lend { folder in
      try folder.write(["alice@GARTER.TEST": "secret"])
      var setting = Setting()
      setting.methods = [.password]
      setting.passwords = folder.configuration
      setting.rules = try ["alice@GARTER.TEST", "*@*", "anonymous", "unauthenticated", "user:alice"].map(Self.allow)
      try await GatewayUnderTest.with(setting) { gateway in
        let peer = try await gateway.client().peer
        _ = try await Self.choose(peer, [0x02])
        try await peer.send(Self.login("alice@GARTER.TEST", "secret"))
        #expect(await peer.read(2) == [0x01, 0x00])
        try await peer.send(Self.request(to: origin))
        #expect(await peer.read(2) == [0x05, 0x02])
        await peer.close()
        #expect(try await gateway.log.next()["principal"] == "user:alice\\@GARTER.TEST")
      }
    }
    try await origin.close()
  }

  // MARK: Methods by network

  @Test(
    arguments: [
      ([.gssapi], [], [0x00, 0x01, 0x02], 0x01), ([.gssapi], [], [0x00, 0x02], 0xff),
      ([.password, .gssapi], [], [0x00, 0x01, 0x02], 0x02), ([.password, .gssapi], [], [0x00, 0x01], 0x01),
      ([.gssapi, .password], [], [0x00, 0x01, 0x02], 0x01), ([.none, .gssapi], [], [0x00, 0x01, 0x02], 0x00),
      // The first entry with the client's network decides, and says all there is to say.
      ([.gssapi], [Clients(from: [.loopback], methods: [.none])], [0x00, 0x01, 0x02], 0x00),
      ([.gssapi], [Clients(from: [.loopback], methods: [.none])], [0x01], 0xff),
      ([.none], [Clients(from: [.loopback], methods: [.gssapi])], [0x00], 0xff),
      ([.gssapi], [Clients(from: [.other], methods: [.none])], [0x00], 0xff),
      ([.gssapi], [Clients(from: [.other, .loopback], methods: [.none])], [0x00], 0x00),
      (
        [.gssapi],
        [Clients(from: [.loopback], methods: [.password]), Clients(from: [.loopback], methods: [.none])], [0x00, 0x02],
        0x02
      ),
      ([.password], [Clients(from: [.loopback])], [0x00, 0x01, 0x02], 0x02),
    ] as [([AuthenticationMethod], [Clients], [UInt8], UInt8)])
  func theMethodDependsOnTheNetwork(
    methods: [AuthenticationMethod], clients: [Clients], offer: [UInt8], answer: UInt8
  ) async throws {
    try await Self.withPasswords {
      $0.methods = methods
      $0.clients = clients
    } _: { gateway, _ in
      let peer = try await gateway.client().peer
      #expect(try await Self.choose(peer, offer) == [0x05, answer])
      await peer.close()
    }
  }

  @Test func withoutAFileNoPasswordIsAsked() async throws {
    var setting = Setting()
    setting.methods = [.password]
    try await GatewayUnderTest.with(setting) { gateway in
      let peer = try await gateway.client().peer
      #expect(try await Self.choose(peer, [0x02]) == [0x05, 0xff])
      await peer.close()
    }
  }

  @Test(arguments: ["unauthenticated", "*@*", "anonymous", "user:*"])
  func clientsWithoutAProofNeedTheirWordInARule(who: String) async throws {
    let origin = try await Origin()
    var setting = Setting()
    setting.methods = [.none]
    setting.rules = [try Self.allow(who)]
    try await GatewayUnderTest.with(setting) { gateway in
      let peer = try await gateway.client().peer
      #expect(try await Self.choose(peer, [0x00]) == [0x05, 0x00])
      if who == "unauthenticated" {
        try await Self.relayInClear(peer, to: origin)
      } else {
        try await peer.send(Self.request(to: origin))
        #expect(await peer.read(2) == [0x05, 0x02])
      }
      await peer.close()
      let record = try await gateway.log.next()
      #expect(record["method"] == "none" && record["principal"] == "unauthenticated")
    }
    try await origin.close()
  }

  /// Sessions in clear count as their user's, and not as those of clients that nobody knows.
  @Test(arguments: [AuthenticationMethod.password, .none])
  func everyMethodCounts(method: AuthenticationMethod) async throws {
    let origin = try await Origin()
    try await Self.withPasswords {
      $0.methods = [method]
      $0.rules = [try Self.allow("user:alice"), try Self.allow("unauthenticated")]
      $0.limits.sessionsPerPrincipal = 1
      $0.limits.unauthenticatedPerAddress = 1
    } _: { gateway, _ in
      func authenticated() async throws -> Peer {
        let peer = try await gateway.client().peer
        guard method == .password else {
          #expect(try await Self.choose(peer, [0x00]) == [0x05, 0x00])
          return peer
        }
        #expect(try await Self.choose(peer, [0x02]) == [0x05, 0x02])
        try await peer.send(Self.login("alice", "secret"))
        #expect(await peer.read(2) == [0x01, 0x00])
        return peer
      }
      let first = try await authenticated()
      try await first.send(Self.request(to: origin))
      #expect(await first.read(10).starts(with: [0x05, 0x00]))
      let second = try await authenticated()
      try await second.send(Self.request(to: origin))
      #expect(await second.end() == .ended)
      #expect(second.unread.starts(with: [0x05, 0x02]))
      #expect(try await gateway.log.next()["reason"] == "too-many-sessions")
      for peer in [first, second, try await origin.accepted()] { await peer.close() }
    }
    try await origin.close()
  }

  @Test func theStartNamesMethodsAndSwitches() async throws {
    try await Self.withPasswords {
      $0.clients = [
        Clients(from: [.other], methods: [.password, .gssapi], compatibility: [.unprotected, .nec])
      ]
    } _: { gateway, _ in
      let line = try #require(gateway.log.lines.first { $0.message == "listening" })
      #expect(line["methods"] == "127.0.0.1:0 password; 192.0.2.0/24: password gssapi with unprotected nec")
    }
  }
}

extension IPNetwork {
  static let other = IPNetwork(.v4(0xC000_0200), prefixLength: 24) ?? IPNetwork(.v4(0xC000_0201))
}
