import NIOCore
import Platform
import ProxySession
import SOCKSCore
import SOCKSTestSupport
import Synchronization
import Testing

@testable import SOCKSServer

/// Names through a whole gateway: what is judged is what is resolved, by every command.
@Suite(.timeLimit(.minutes(2))) struct NameTests {
  typealias Setting = GatewayUnderTest.Setting

  /// A resolver and a hosts file that note what they are asked.
  private final class Names: Sendable {
    private let asked = Mutex<[String]>([])
    let dns: Set<String>
    let hosts: Set<String>

    init(dns: Set<String> = [], hosts: Set<String> = []) { (self.dns, self.hosts) = (dns, hosts) }

    var queries: [String] { self.asked.withLock { $0 } }

    func setting(_ rules: [AccessRule], search: [String] = []) throws -> Setting {
      var setting = Setting()
      setting.rules = rules
      setting.searchDomains = try search.map { try HostName($0) }
      setting.lookUp = { name, _ in
        self.asked.withLock { $0.append(name) }
        return self.dns.contains(name)
          ? .success([.v4(0x7f00_0001)]) : .failure(SessionEnd(.connectFailed(.noSuchName)))
      }
      setting.inHostsFile = { name, _ in .success(self.hosts.contains(name) ? [.v4(0x7f00_0001)] : []) }
      return setting
    }
  }

  private static let commands: Set<AccessCommand> = [.connect, .bind, .associate]

  private static func allow(_ targets: [String] = ["127.0.0.0/8"]) throws -> AccessRule {
    .allow(commands, identities: [.everybody], targets: try targets.map { try TargetPattern(parsing: $0) })
  }

  private static func deny(_ targets: [String]) throws -> AccessRule {
    .deny(commands, targets: try targets.map { try TargetPattern(parsing: $0) })
  }

  /// The reply code to each name, and the record.
  private static func ask(
    _ names: Names, _ setting: Setting, _ fields: [[UInt8]], command: SOCKSCommand = .connect
  ) async throws -> [(code: UInt8, record: RecordLog.Line)] {
    let origin = try await Origin()
    let answers = try await GatewayUnderTest.with(setting) { gateway in
      var answers: [(code: UInt8, record: RecordLog.Line)] = []
      for field in fields {
        var client = try await gateway.client()
        try await client.negotiate()
        let target = SOCKSAddress(host: SOCKSHost(nameField: field), port: origin.address.port)
        try await client.sendRequest(target, command: command)
        let code = try await client.receive()[1]
        // What was connected to does not end its stream.
        await client.peer.reset()
        answers.append((code, try await gateway.log.next()))
      }
      return answers
    }
    try await origin.close()
    return answers
  }

  private static func bytes(_ texts: String...) -> [[UInt8]] { texts.map { Array($0.utf8) } }

  @Test(arguments: [SOCKSCommand.connect, .bind])
  func aLabelIsCompletedAndEachNameJudged(command: SOCKSCommand) async throws {
    let names = Names(dns: ["wiki.corp.test", "other.b.test", "wiki.b.test"], hosts: ["db", "host.intern.test"])
    let setting = try names.setting(
      [Self.deny(["secret.corp.test", "db2"]), Self.allow()], search: ["corp.test", "b.test"])
    let answers = try await Self.ask(
      names, setting,
      Self.bytes("wiki", "other", "absent", "secret", "db", "WIKI.corp.test.", "db."), command: command)
    #expect(answers.map(\.code) == [0, 0, 4, 2, 0, 0, 4])
    #expect(
      names.queries == [
        "wiki.corp.test", "other.corp.test", "other.b.test", "absent.corp.test", "absent.b.test", "wiki.corp.test",
        "db",
      ])
    #expect(
      answers.map { $0.record["resolved_name"] }
        == ["wiki.corp.test", "other.b.test", "absent.b.test", "secret.corp.test", nil, nil, nil])
    #expect(answers[0].record["target"]?.hasPrefix("wiki:") == true)
    #expect(answers[3].record["rule"] == "rule 1")
    // The final dot is kept.
    #expect(answers[5].record["target"]?.hasPrefix("WIKI.corp.test.:") == true)
  }

  @Test(arguments: [SOCKSCommand.connect, .bind])
  func withoutDomainsALabelIsNobody(command: SOCKSCommand) async throws {
    let names = Names(dns: ["wiki", "wiki.corp.test"])
    let rules = try [Self.deny(["*.corp.test"]), Self.allow()]
    let answers = try await Self.ask(names, names.setting(rules), Self.bytes("wiki"), command: command)
    #expect(answers.map(\.code) == [4] && names.queries.isEmpty)
    #expect(answers[0].record["detail"]?.contains("names.search") == true)
    // Where only complete names are allowed, the refusal says the same.
    let other = try await Self.ask(
      names, names.setting([Self.allow(["*.corp.test"])]), Self.bytes("wiki"), command: command)
    #expect(other.map(\.code) == [2] && names.queries.isEmpty)
    #expect(other[0].record["detail"]?.contains("names.search") == true)
  }

  /// RFC 1928 section 6: X'02' is for the rules, X'04' for hosts that cannot be reached.
  @Test(arguments: [SOCKSCommand.connect, .bind])
  func malformedNamesHaveAReasonOfTheirOwn(command: SOCKSCommand) async throws {
    let fields: [[UInt8]] =
      Self.bytes("a..b", ".a", "a b", "a%b.test", "[fe80::1%eth0]", "[::1", "☃.test", "\u{301}a.test", "ü..test")
      + [
        [], [0x61, 0x00, 0x62], [0xFF, 0xFE], [0xC3, 0xBC, 0x00, 0x61], Array(repeating: 0x61, count: 64),
        Array(String(repeating: "a.", count: 127).utf8), Array(String(repeating: "a.", count: 127).utf8) + [0x61],
      ]
    for rules in [[try Self.allow(["*", "127.0.0.0/8"])], [try Self.deny(["*"])]] {
      let names = Names()
      let answers = try await Self.ask(names, names.setting(rules), fields, command: command)
      // 253 bytes with a final dot are a good name.
      for (answer, field) in zip(answers, fields) where field.count != 254 {
        #expect(answer.code == 4 && answer.record["reason"] == "malformed-name", "\(field)")
        #expect(answer.record["detail"]?.contains("name") == true && answer.record["rule"] == nil)
      }
      #expect(names.queries.allSatisfy { $0.utf8.count == 253 })
    }
  }

  /// Names beyond ASCII are converted, on both sides of the comparison; what becomes a literal is an address.
  @Test(arguments: [SOCKSCommand.connect, .bind])
  func namesBeyondASCII(command: SOCKSCommand) async throws {
    let names = Names(dns: ["xn--bcher-kva.test"])
    let rules = try [Self.deny(["bücher.geheim.test", "１２７.０.０.９"]), Self.allow()]
    let answers = try await Self.ask(
      names, names.setting(rules),
      Self.bytes(
        "bücher.test", "BÜCHER。Test", "xn--bcher-kva.test", "bücher.geheim.test", "xn--bcher-kva.geheim.test",
        "１２７.０.０.９", "[::ffff:127.0.0.9]", "127。0。0。9", "straße.test"), command: command)
    #expect(answers.map(\.code) == [0, 0, 0, 2, 2, 2, 2, 2, 4])
    #expect(names.queries == Array(repeating: "xn--bcher-kva.test", count: 3) + ["xn--strae-oqa.test"])
    #expect(answers[0].record["resolved_name"] == "xn--bcher-kva.test")
    #expect(answers[2].record["resolved_name"] == nil && answers[5].record["resolved_name"] == "127.0.0.9")
    // A name that does not exist has been looked for under this one.
    #expect(answers[8].record["resolved_name"] == "xn--strae-oqa.test")
    #expect(answers[6].record["target"]?.hasPrefix("127.0.0.9:") == true)
  }

  @Test func datagramsGoByTheSameNames() async throws {
    let target = try await DatagramPeer()
    let names = Names(dns: ["xn--bcher-kva.test", "wiki.corp.test"], hosts: ["db"])
    var setting = Setting.associating {
      $0.searchDomains = (try? [HostName("corp.test")]) ?? []
      $0.lookUp = { name, _ in
        names.dns.contains(name) ? .success([.v4(0x7f00_0001)]) : .failure(SessionEnd(.connectFailed(.noSuchName)))
      }
      $0.inHostsFile = { name, _ in .success(names.hosts.contains(name) ? [.v4(0x7f00_0001)] : []) }
    }
    setting.rules = [try Self.deny(["secret.corp.test"]), try Self.allow()]
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await AssociatedPeer(gateway)
      for (number, name) in ["bücher.test", "wiki", "db", "[::ffff:127.0.0.1]"].enumerated() {
        let address = SOCKSAddress(host: SOCKSHost(nameField: name.utf8), port: target.address.port)
        try await client.send([UInt8(number)], to: address)
        #expect(try await target.receive().octets == [UInt8(number)], "\(name)")
      }
      for name in ["a..b", "☃.test", "secret", "absent", "[fe80::1%eth0]"] {
        try await client.send([9], to: SOCKSAddress(host: SOCKSHost(nameField: name.utf8), port: target.address.port))
      }
      try await client.send([10], to: target.address)
      #expect(try await target.receive().octets == [10])
      await client.close()
      let record = try await gateway.log.next()
      #expect(record["dropped_malformed_name"] == "3" && record["dropped_refused_by_rule"] == "1", "\(record)")
    }
    await target.close()
  }

  /// Whatever a client writes: what the resolver is asked for is what the rules were asked about, and no name that they deny
  /// is ever asked for. 100,000 names with GARTER_FULL_TESTS set.
  @Test func whatIsResolvedIsWhatIsJudged() throws {
    let count = Environment.get("GARTER_FULL_TESTS") == nil ? 20_000 : 100_000
    var generator = OddNames(random: SeededGenerator(seed: 7))
    let search = try [HostName("corp.test"), HostName("b.test")]
    let identity = Identity.unauthenticated
    let policy = AccessPolicy(rules: [
      try Self.deny(["*.secret.test", "wiki.corp.test", "*.bücher.test", "127.0.0.0/8", "secret"]),
      .allow([.connect], identities: [.unauthenticated], targets: [.any]),
    ])
    var (resolved, refused, malformed, literals) = (0, 0, 0, 0)
    for _ in 0..<count {
      let field = generator.field()
      let asked = SOCKSHost(nameField: field)
      let judged = Mutex<Set<String>>([])
      switch asked.converted {
      case .malformed: malformed += 1
      case .unconverted: Issue.record("\(field) was not converted")
      case .address: literals += 1
      case .name(let name):
        let target = RequestedName(name, search: search) { name in
          let evaluation = policy.evaluate(
            AccessRequest(command: .connect, identity: identity, client: .v4(1), host: .name(name), port: 22))
          if evaluation.refusal == nil { judged.withLock { _ = $0.insert(name.canonical) } }
          return evaluation
        }
        guard target.certainRefusal == nil else {
          refused += 1
          continue
        }
        let sources = NameSources(
          lookUp: { name, _ in
            if !judged.withLock({ $0.contains(name) }) || Self.isDenied(name) {
              Issue.record("\(field) led to \(name)")
            }
            return .failure(SessionEnd(.connectFailed(.noSuchName)))
          },
          inHostsFile: { _, _ in .success([]) })
        _ = sources.answer(target.question, limit: 16)
        resolved += 1
      }
    }
    #expect(
      [resolved, refused, malformed, literals].allSatisfy { $0 > count / 200 },
      "\((resolved, refused, malformed, literals))")
  }

  /// Said in another way than the policy does.
  private static func isDenied(_ name: String) -> Bool {
    name.hasSuffix(".secret.test") || name.hasSuffix(".xn--bcher-kva.test") || name == "wiki.corp.test"
      || name == "secret"
  }
}

/// Names as clients should not write them, and some as they should.
struct OddNames {
  var random: SeededGenerator

  private static let labels = [
    "wiki", "WIKI", "secret", "Secret", "test", "corp", "b", "a", "bücher", "BÜCHER", "xn--bcher-kva", "XN--BCHER-KVA",
    "ﬁ",
    "straße", "☃", "１２７", "0", "127", "0x7f", "_sip", "-a", "a-", "ｓｅｃｒｅｔ", "sec\u{AD}ret", "", "%", " ", "\u{202E}a",
    "a\0b",
    "localhost", String(repeating: "a", count: 63), String(repeating: "ü", count: 40), "\u{301}a", "אa", "℀",
  ]
  private static let dots = [".", ".", ".", ".", "。", "．", "｡", ".."]
  private static let whole = [
    "[::1]", "::ffff:127.0.0.1", "127.0.0.1.", "[127.0.0.1]", "１２７.０.０.１", "[fe80::1%eth0]", "：：１",
  ]

  mutating func field() -> [UInt8] {
    switch Int.random(in: 0..<20, using: &self.random) {
    case 0:
      return (0..<Int.random(in: 0...40, using: &self.random)).map { _ in UInt8.random(in: 0...255, using: &self.random)
      }
    case 1: return Array((Self.whole.randomElement(using: &self.random) ?? "").utf8)
    default:
      var text = ""
      for number in 0..<Int.random(in: 1...4, using: &self.random) {
        if number > 0 { text += Self.dots.randomElement(using: &self.random) ?? "." }
        text += Self.labels.randomElement(using: &self.random) ?? "a"
      }
      if Bool.random(using: &self.random) { text += ".test" }
      if Int.random(in: 0..<4, using: &self.random) == 0 { text += "." }
      return Array(text.utf8.prefix(255))
    }
  }
}
