import NIOCore
import ProxySession
import SOCKSCore
import SOCKSTestSupport
import Synchronization
import Testing

@testable import SOCKSServer

/// What a client learns from a refusal: nothing but its class.
@Suite(.timeLimit(.minutes(1))) struct RefusalSamenessTests {
  typealias Setting = GatewayUnderTest.Setting

  /// Names that were asked of the resolver, which knows `known.*` only.
  final class Queries: Sendable {
    private let asked = Mutex<[String]>([])
    var all: [String] { self.asked.withLock { $0 } }

    func lookUp(_ name: String) -> Result<[IPAddress], SessionEnd> {
      self.asked.withLock { $0.append(name) }
      return name.hasPrefix("known.") ? .success([.v4(0x7f00_0001)]) : .failure(SessionEnd(.connectFailed(.noSuchName)))
    }
  }

  static let commands: [SOCKSCommand] = [.connect, .bind]
  static let plaintext: [UInt8] = [0x05, 0x02, 0x00, 0x01, 0, 0, 0, 0, 0, 0]

  static func setting(_ who: String, _ rules: [AccessRule], _ queries: Queries) -> Setting {
    var setting = Setting()
    setting.attributes.initiatorName = who
    setting.rules = rules
    setting.lookUp = { name, _ in queries.lookUp(name) }
    return setting
  }

  /// Everything else is allowed: only the deny rules refuse.
  static func allowed(_ who: String = "*@GARTER.TEST") throws -> AccessRule {
    .allow(
      [.connect, .bind], identities: [try IdentityPattern(parsing: who)], targets: [.any, .network(.loopback)])
  }

  static func target(_ name: String, _ port: UInt16) throws -> SOCKSAddress {
    try IPAddress(name).map { SOCKSAddress(host: .address($0), port: port) } ?? SOCKSAddress(name: name, port: port)
  }

  /// Everything that comes behind the level answer, up to the end, for one request.
  static func refusal(
    _ gateway: GatewayUnderTest, _ target: SOCKSAddress, _ command: SOCKSCommand, level: UInt8
  ) async throws -> (plaintexts: [[UInt8]], octets: Int) {
    var client = try await gateway.client()
    try await client.negotiate(level: level)
    try await client.sendRequest(target, command: command)
    #expect(await client.peer.end() == .ended)
    let octets = client.peer.unread
    await client.peer.close()
    let record = try await gateway.log.next()
    #expect(record["reason"] == "refused-by-rule" && record["peer"] == nil && record["phase"] == "serving")
    return (try #require(ByteScript.tokens(in: octets)).map(\.plaintext), octets.count)
  }

  /// A principal that a rule denies, and one that none allows: targets that are there, and others that are not, by name and by
  /// address, get the same octets, and nobody is asked about them.
  @Test(arguments: [true, false], [1, 2] as [UInt8])
  func aDeniedPrincipalLearnsNothing(hasDenyRule: Bool, level: UInt8) async throws {
    let origin = try await Origin()
    let queries = Queries()
    let deny = AccessRule.deny(
      [.connect, .bind], identities: [try IdentityPattern(parsing: "mallory@GARTER.TEST")], targets: [.any])
    let rules = hasDenyRule ? [deny, try Self.allowed()] : [try Self.allowed("alice@GARTER.TEST")]
    try await GatewayUnderTest.with(Self.setting("mallory@GARTER.TEST", rules, queries)) { gateway in
      var lengths: Set<Int> = []
      for target in [
        origin.address, try Self.target("127.0.0.1", 1), try Self.target("8.8.8.8", 53),
        try Self.target("known.test", origin.address.port), try Self.target("unknown.test", 80),
      ] {
        for command in Self.commands {
          let seen = try await Self.refusal(gateway, target, command, level: level)
          #expect(seen.plaintexts == [Self.plaintext], "\(target)")
          lengths.insert(seen.octets)
        }
      }
      #expect(lengths.count == 1)
    }
    #expect(queries.all.isEmpty)
    try await origin.close()
  }

  /// The same principal would get a query for other names: these it does not.
  @Test func aDeniedTargetIsNotAskedAbout() async throws {
    let origin = try await Origin()
    let queries = Queries()
    let rules = [
      AccessRule.deny(
        [.connect, .bind],
        targets: try ["*.denied.test", "known.test", "unknown.test", "127.0.0.2"].map(TargetPattern.init(parsing:))),
      try Self.allowed(),
    ]
    try await GatewayUnderTest.with(Self.setting("alice@GARTER.TEST", rules, queries)) { gateway in
      var lengths: Set<Int> = []
      for name in ["known.test", "unknown.test", "known.denied.test", "other.denied.test", "KNOWN.test.", "127.0.0.2"] {
        for command in Self.commands {
          let seen = try await Self.refusal(
            gateway, try Self.target(name, origin.address.port), command, level: 2)
          #expect(seen.plaintexts == [Self.plaintext], "\(name)")
          lengths.insert(seen.octets)
        }
      }
      #expect(lengths.count == 1)
      #expect(queries.all.isEmpty)

      var client = try await gateway.client()
      try await client.negotiate()
      #expect(try await client.connect(Self.target("known.else.test", origin.address.port)).starts(with: [0x05, 0x00]))
      await client.peer.close()
      await (try await origin.accepted()).close()
      #expect(queries.all == ["known.else.test"])
    }
    try await origin.close()
  }

  /// The same for a user with a password.
  @Test func aDeniedUserLearnsNothing() async throws {
    let origin = try await Origin()
    let queries = Queries()
    try await PasswordFolder.lend { folder in
      try folder.write(["alice": "secret", "mallory": "secret"])
      let everywhere: [TargetPattern] = [.any, .network(.loopback)]
      var setting = Self.setting(
        "", [.allow([.connect], identities: [try IdentityPattern(parsing: "user:alice")], targets: everywhere)], queries
      )
      setting.methods = [.password]
      setting.passwords = folder.configuration
      try await GatewayUnderTest.with(setting) { gateway in
        for name in ["127.0.0.1", "8.8.8.8", "known.test", "unknown.test"] {
          let peer = try await gateway.client().peer
          _ = try await AuthenticationTests.choose(peer, [0x02])
          try await peer.send(AuthenticationTests.login("mallory", "secret"))
          #expect(await peer.read(2) == [0x01, 0x00])
          var request = ByteBuffer()
          SOCKSRequest(command: .connect, destination: try Self.target(name, origin.address.port))
            .encode(into: &request)
          try await peer.send(Array(request.readableBytesView))
          #expect(await peer.end() == .ended)
          #expect(peer.unread == Self.plaintext)
          await peer.close()
          #expect(try await gateway.log.next()["principal"] == "user:mallory")
        }
      }
    }
    #expect(queries.all.isEmpty)
    try await origin.close()
  }
}
