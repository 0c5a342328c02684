import ProxySession
import SOCKSCore
import Testing

@testable import SOCKSServer

private let minimal = """
  listen:
    - address: 127.0.0.1:1080
  kerberos:
    keytab: /etc/garter/garterd.keytab
  rules:
    - allow: [connect]
      principals: ["*@EXAMPLE.COM"]
      to: ["*"]

  """

func read(_ text: String) throws -> Configuration.Reading {
  try Configuration.parse(octets: Array(text.utf8), sourceName: "garterd.yaml")
}

@Suite struct ConfigurationTests {
  @Test func theShortestConfigurationHasAllDefaults() throws {
    let reading = try read(minimal)
    let configuration = reading.configuration
    #expect(reading.warnings == [])
    #expect(configuration.listen == [.init(ListenAddress(address: .v4(0x7F00_0001), port: 1080))])
    #expect(configuration.listen.first?.methods == [.gssapi])
    #expect(configuration.listen.first?.clients == [])
    #expect(configuration.passwords == nil)
    #expect(configuration.kerberos.keytab == "/etc/garter/garterd.keytab")
    #expect(configuration.kerberos.services == ["socks", "rcmd"])
    #expect(configuration.kerberos.levels == [.confidentiality, .integrity, .selective])
    #expect(configuration.kerberos.replayCache == nil)
    #expect(configuration.kerberos.mechanisms == [.krb5])
    #expect(configuration.kerberos.expired == .close)
    #expect(configuration.kerberos.selective.seal == .unlessEncrypted)
    #expect(configuration.timeouts.method == .seconds(10))
    #expect(configuration.timeouts.authentication == .seconds(30))
    #expect(configuration.timeouts.level == .seconds(10))
    #expect(configuration.timeouts.request == .seconds(30))
    #expect(configuration.timeouts.resolve == .seconds(5))
    #expect(configuration.timeouts.connect == .seconds(10))
    #expect(configuration.timeouts.idle == .seconds(7200))
    #expect(configuration.timeouts.drain == .seconds(30))
    #expect(configuration.timeouts.session == .seconds(30 * 86_400))
    #expect(configuration.limits.connections == 10_000)
    #expect(configuration.limits.connectionsPerAddress == 2_500)
    #expect(configuration.limits.unauthenticatedPerAddress == 200)
    #expect(configuration.limits.unauthenticated == nil)
    #expect(configuration.limits.earlyDrop.description == "2500:30:5000")
    #expect(configuration.limits.ipv6Prefix == 64)
    #expect(configuration.limits.sessionsPerPrincipal == 2_500)
    #expect(configuration.limits.bandwidthPerPrincipal == nil)
    #expect(configuration.limits.lookupThreadsPerPrincipal == 4)
    #expect(configuration.limits.authenticationThreads == 2)
    #expect(configuration.limits.authenticationSteps == 1000)
    #expect(configuration.limits.lookupThreads == 16)
    #expect(configuration.limits.lookups == 1000)
    #expect(configuration.limits.addressesPerName == 16)
    #expect(configuration.limits.relayBuffer == 524_288)
    #expect(configuration.bind.listenAddress == nil && configuration.bind.advertiseAddress == nil)
    #expect(configuration.bind.ports == nil && configuration.bind.timeout == .seconds(120))
    #expect(
      Configuration.Penalties.keys.map { configuration.penalties[keyPath: $0.field].text } == [
        "5s", "5s", "5s", "10s", "1s", "15s", "10m", "1h",
      ])
    #expect(configuration.penalties.addresses == 65_536)
    #expect(configuration.penalties.exempt.map(\.description) == ["127.0.0.0/8", "::1"])
    #expect(configuration.keepalive.idle == .seconds(60))
    #expect(configuration.keepalive.interval == .seconds(10))
    #expect(configuration.keepalive.probes == 5)
    #expect(configuration.rules[0].bandwidth == nil && configuration.rules[0].session == nil)
  }

  @Test func aHalfClosedStreamHasTheIdleTimeUnlessItHasItsOwn() throws {
    func timeouts(_ text: String) throws -> Configuration.Timeouts {
      try read(minimal + "timeouts: {\(text)}\n").configuration.timeouts
    }
    #expect(try read(minimal).configuration.timeouts.halfClosed == .seconds(7200))
    #expect(try timeouts("idle: 20m").halfClosed == .seconds(1200))
    #expect(try timeouts("idle: 20m, half_closed: 1h").halfClosed == .seconds(3600))
    #expect(try timeouts("half_closed: 5s, idle: 20m").halfClosed == .seconds(5))
    #expect(throws: ConfigurationError.self) { _ = try timeouts("half_closed: 31d") }
  }

  @Test func lookupsOfOnePrincipalAreAQuarterUnlessSaidOtherwise() throws {
    func limits(_ text: String) throws -> Configuration.Limits {
      try read(minimal + "limits: {\(text)}\n").configuration.limits
    }
    #expect(try read(minimal).configuration.limits.lookupsPerPrincipal == 250)
    #expect(try limits("lookups: 100").lookupsPerPrincipal == 25)
    #expect(try limits("lookups: 1").lookupsPerPrincipal == 1)
    #expect(try limits("lookups_per_principal: 7, lookups: 100").lookupsPerPrincipal == 7)
  }

  @Test func nobodyMayBeExempt() throws {
    #expect(try read(minimal + "penalties: {exempt: []}\n").configuration.penalties.exempt.isEmpty)
    // Where an empty list would mean nothing, it is a mistake still.
    #expect(throws: ConfigurationError.self) { try read(minimal + "penalties: {exempt: }\n") }
    #expect(throws: ConfigurationError.self) { try read(minimal.replacing("[connect]", with: "[]")) }
  }

  @Test func bindIsRead() throws {
    let bind = try read(
      minimal + """
        bind:
          listen_address: 10.0.0.1
          advertise_address: "::ffff:203.0.113.7"
          ports: 40000-40999
          timeout: 5m
        """
    ).configuration.bind
    #expect(bind.listenAddress == .v4(0x0A00_0001) && bind.advertiseAddress == .v4(0xCB00_7107))
    #expect(bind.ports == PortRange(40_000...40_999) && bind.timeout == .seconds(300))
  }

  @Test func theAdvertisedAddressIsOfTheSameFamily() {
    var bind = Configuration.Bind()
    let (v4, v6) = (SOCKSAddress(.v4(0x0A00_0001), port: 4), SOCKSAddress(.v6(high: 1, low: 2), port: 6))
    #expect(bind.advertised(for: v4) == v4)
    bind.advertiseAddress = .v4(0xCB00_7107)
    #expect(bind.advertised(for: v4) == SOCKSAddress(.v4(0xCB00_7107), port: 4))
    #expect(bind.advertised(for: v6) == v6)
  }

  @Test func whatAProgramMakesEqualsWhatAFileSays() throws {
    let configuration = Configuration(
      listen: [.init(ListenAddress(address: .v4(0x7F00_0001), port: 1080))],
      kerberos: .init(keytab: "/etc/garter/garterd.keytab"),
      rules: [
        .allow(
          [.connect], identities: [.principal(try PrincipalPattern(parsing: "*@EXAMPLE.COM"))], targets: [.any])
      ])
    #expect(try read(minimal).configuration == configuration)
  }

  @Test func everyKeyIsRead() throws {
    let configuration = try read(
      """
      listen: [{address: "[::1]:0"}, {address: 0.0.0.0:1080}, {"address": "[::1]:0"}]
      kerberos:
        keytab: FILE:/tmp/x.keytab
        services: [rcmd, host]
        levels: [selective]
        replay_cache: /var/lib/garter/replay
        mechanisms: [krb5, spnego]
        expired: log
        selective:
          seal: always
      timeouts: {method: 1ms, authentication: 2s, level: 3m, request: 1h, resolve: 250ms, connect: 5s, idle: 30d, half_closed: 20d, session: 1s, drain: 1d}
      limits:
        connections: 1
        connections_per_address: 2
        unauthenticated_per_address: 3
        unauthenticated: 1:2:3
        ipv6_prefix: 56
        sessions_per_principal: 9
        bandwidth_per_principal: 3MiB/s
        lookup_threads_per_principal: 10
        lookups_per_principal: 11
        authentication_threads: 4
        authentication_steps: 5
        lookup_threads: 6
        lookups: 7
        addresses_per_name: 8
        relay_buffer: 64KiB
      penalties:
        authentication: 1s
        password: 2s
        protocol: 3s
        timeout: 4s
        abandoned: 0s
        minimum: 6s
        maximum: 1d
        known_for: 2h
        slow_connections: 3
        slow_rate: 4
        addresses: 7
        exempt: [10.0.0.0/8, "2001:db8::/32"]
      keepalive: {idle: 9h, interval: 1s, probes: 100}
      rules:
        - deny: [connect]
          from: [192.0.2.0/24, "2001:db8::/32"]
          name: no guests
        - allow: [connect]
          principals: [alice@EXAMPLE.COM, "*/admin@EXAMPLE.COM", anonymous]
          to: ["*.example.com", 10.0.0.0/8, "::1"]
          ports: [22, 8000-8100]
          bandwidth: 10MiB/s
          session: 8h
      """
    ).configuration
    #expect(configuration.listen.map(\.address.description) == ["[::1]:0", "0.0.0.0:1080", "[::1]:0"])
    #expect(
      configuration.kerberos
        == .init(
          keytab: "FILE:/tmp/x.keytab", services: ["rcmd", "host"], levels: [.selective],
          replayCache: "/var/lib/garter/replay", mechanisms: [.krb5, .spnego], expired: .log,
          selective: .init(seal: .always)))
    #expect(
      Configuration.Timeouts.keys.map { configuration.timeouts[keyPath: $0.field] } == [
        .milliseconds(1), .seconds(2), .seconds(180), .seconds(3600), .milliseconds(250), .seconds(5),
        .seconds(30 * 86_400), .seconds(20 * 86_400), .seconds(1), .seconds(86_400),
      ])
    #expect(
      Configuration.Limits.keys.map { configuration.limits[keyPath: $0.field] } == [
        1, 2, 3, 56, 9, 4, 5, 6, 7, 10, 11, 8, 65_536,
      ])
    #expect(configuration.limits.unauthenticated == EarlyDrop(start: 1, rate: 2, full: 3))
    #expect(configuration.limits.bandwidthPerPrincipal == Bandwidth(octetsPerSecond: 3 << 20))
    #expect(
      Configuration.Penalties.keys.map { configuration.penalties[keyPath: $0.field].text } == [
        "1s", "2s", "3s", "4s", "0s", "6s", "1d", "2h",
      ])
    #expect(configuration.penalties.addresses == 7)
    #expect(configuration.penalties.slowConnections == 3 && configuration.penalties.slowRate == 4)
    #expect(configuration.penalties.exempt.map(\.description) == ["10.0.0.0/8", "2001:db8::/32"])
    #expect(configuration.keepalive.idle == .seconds(32_400))
    #expect(configuration.keepalive.interval == .seconds(1) && configuration.keepalive.probes == 100)
    #expect(
      configuration.rules == [
        .deny(
          [.connect],
          clients: [try IPNetwork(parsing: "192.0.2.0/24"), try IPNetwork(parsing: "2001:db8::/32")], name: "no guests"),
        .allow(
          [.connect],
          identities: [
            .principal(try PrincipalPattern(parsing: "alice@EXAMPLE.COM")),
            .principal(try PrincipalPattern(parsing: "*/admin@EXAMPLE.COM")), .anonymous,
          ],
          targets: [
            .name(try NamePattern(parsing: "*.example.com")), .network(try IPNetwork(parsing: "10.0.0.0/8")),
            .network(try IPNetwork(parsing: "::1")),
          ],
          ports: [PortRange(22...22), PortRange(8000...8100)], bandwidth: Bandwidth(octetsPerSecond: 10 << 20),
          session: .seconds(8 * 3600)),
      ])
  }

  @Test(arguments: Configuration.Timeouts.keys.map(\.name))
  func everyTimeoutHasBothBounds(name: String) throws {
    let key = try #require(Configuration.Timeouts.keys.first { $0.name == name })
    for bound in [key.bounds.lowerBound, key.bounds.upperBound] {
      let configuration = try read(minimal + "timeouts: {\(name): \(bound.text)}").configuration
      #expect(configuration.timeouts[keyPath: key.field] == bound)
      // Half-closed streams have the idle time unless they have their own.
      let others = Configuration.Timeouts.keys.filter { $0.name != name && ($0.name, name) != ("half_closed", "idle") }
      #expect(
        others.allSatisfy { configuration.timeouts[keyPath: $0.field] == Configuration.Timeouts()[keyPath: $0.field] })
    }
    let beyond = Int(key.bounds.upperBound / .seconds(1)) + 1
    for text in [
      "0s", "0ms", "\(beyond)s", "null", "~", "", "\"\"", "1", "1.5s", "-1s", "1 s", "s", "999999999d", "1000000000s",
    ] {
      #expect(throws: ConfigurationError.self, "\(name): \(text)") {
        try read(minimal + "timeouts: {\(name): \(text)}")
      }
    }
  }

  @Test(arguments: Configuration.Limits.keys.map(\.name))
  func everyLimitHasBothBounds(name: String) throws {
    let key = try #require(Configuration.Limits.keys.first { $0.name == name })
    for bound in [key.bounds.lowerBound, key.bounds.upperBound] {
      let configuration = try read(minimal + "limits: {\(name): \(bound)}").configuration
      #expect(configuration.limits[keyPath: key.field] == bound)
    }
    for text in [
      "\(key.bounds.lowerBound - 1)", "\(key.bounds.upperBound + 1)", "0", "-1", "null", "1e3", "0x10", "999999999GiB",
      "9999999999999999999",
    ] {
      #expect(throws: ConfigurationError.self, "\(name): \(text)") {
        try read(minimal + "limits: {\(name): \(text)}")
      }
    }
  }

  @Test func durationsReadBack() throws {
    for text in ["1ms", "999ms", "1s", "90s", "1m", "1h", "36h", "1d", "30d"] {
      #expect(try Duration(parsing: text).text == text)
    }
    #expect(try Duration(parsing: "1000ms").text == "1s")
    #expect(try SizeText(parsing: "3MiB").octets == 3 << 20)
    #expect(SizeText.text(1 << 20) == "1MiB")
  }

  @Test func rulesThatNeverDecideAreWarnedAbout() throws {
    let warnings = try read(
      minimal + """
          - deny: [connect]
            principals: [guest@EXAMPLE.COM]
            to: [secret.example.com]
        """
    ).warnings
    #expect(
      warnings.map(\.description) == [
        """
        garterd.yaml:9:5: rule 2 never decides: rule 1 on line 6 covers all of it
            - deny: [connect]
              ^
        """
      ])
  }

  @Test(arguments: [
    ("connections: 100, unauthenticated: 50:30:101", "ends above limits.connections, 100"),
    ("unauthenticated_per_address: 1000", "lets one address take all of limits.authentication_steps, 1000"),
    ("connections: 100, unauthenticated: 50:30:100, unauthenticated_per_address: 999", ""),
  ])
  func doubtfulLimitsAreWarnedAbout(limits: String, words: String) throws {
    let warnings = try read(minimal + "limits: {\(limits)}\n").warnings
    #expect(warnings.count == (words.isEmpty ? 0 : 1))
    #expect(warnings.allSatisfy { $0.message.contains(words) && $0.line == 9 })
  }

  @Test func aFileIsReadFromItsPath() {
    let error = #expect(throws: ConfigurationError.self) { try Configuration.load(path: "/no/such/garterd.yaml") }
    #expect(
      error?.description == "/no/such/garterd.yaml: cannot be read: No such file or directory (check the path)")
  }

  /// Every line of a whole configuration is taken away, doubled, cut and changed: an error always has its place, and
  /// nothing traps.
  @Test func mutationsAreReadOrRefusedWithAPlace() {
    let text = Array((minimal + "timeouts: {idle: 2h}\nlimits: {connections: 5}\n").utf8)
    var random = SystemRandomNumberGenerator()
    var refused = 0
    for _ in 0..<5_000 {
      var octets = text
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let index = Int.random(in: 0..<octets.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: octets[index] = UInt8.random(in: .min ... .max, using: &random)
        case 1: octets.remove(at: index)
        default: octets.insert(octets[Int.random(in: 0..<octets.count, using: &random)], at: index)
        }
      }
      do {
        _ = try Configuration.parse(octets: octets, sourceName: "x")
      } catch {
        refused += 1
        #expect(!error.problems.isEmpty)
        #expect(error.problems.allSatisfy { ($0.line ?? 0) >= 1 && ($0.column ?? 0) >= 1 })
        #expect(error.description.utf8.allSatisfy { $0 >= 0x20 || $0 == 0x0A })
      }
    }
    #expect(refused > 1_000)
  }
}
