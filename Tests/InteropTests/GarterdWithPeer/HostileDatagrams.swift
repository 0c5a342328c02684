import Platform
import Testing

extension GarterdWithPeer {
  /// Datagrams that must go nowhere, and clients that end associations in every way.
  @Suite struct HostileDatagrams {
    /// The reasons under which the gateway may have counted the shots of a scenario.
    static let reasons: [String: Set<String>] = [
      "tampered": ["not-genuine", "unprotected", "wrong-length", "repeated", "late"],
      "clear": ["unprotected"],
      "clear-framed": ["not-genuine"],
      "unframed": ["unprotected"],
      "length-short": ["wrong-length", "unprotected"],
      "length-long": ["wrong-length"],
      "trailing": ["wrong-length"],
      "truncated": ["wrong-length", "not-genuine", "unprotected"],
      "other-type": ["unprotected"],
      "abort": ["unprotected", "wrong-length"],
      "fragments": ["fragment"],
      "headers": ["malformed-header", "malformed-name", "fragment"],
      "integrity-only": ["not-confidential"],
      "mic": ["not-genuine"],
      "garbage": ["unprotected", "not-genuine", "wrong-length"],
      "foreign": ["not-genuine"],
      "reflected": ["not-genuine", "repeated", "late"],
      "control-token": ["repeated", "late", "not-genuine", "not-confidential"],
      "repeated": ["repeated"],
      "repeated-later": ["repeated", "late"],
      "other-port": ["foreign-source"],
      "other-address": ["foreign-source"],
      "first-from-another-address": ["foreign-source"],
      "injected": ["unasked-source"],
    ]

    @Test(arguments: [1, 2, 3])
    func everyScenario(level: Int) async throws {
      let scenarios = try await Scenarios.list().datagrams.filter { $0 != "early" && $0 != "flood" }
      #expect(scenarios.count >= 30)
      try await Gateway.run(GatewayConfiguration(rules: Associations.rules), logLevel: "trace") { gateway in
        try await PeerClient.run { peer in
          for scenario in scenarios {
            let result = try await Self.expectHeld(
              peer, gateway, ["scenario": .text(scenario), "level": .integer(level)])
            // The foreign association is a second session.
            let port = result["client_port"]?.integer ?? 0
            let record = try await gateway.record(clientPort: port)
            Self.expectCounted(result, record, level: level)
          }
        }
        for line in await gateway.child.diagnostics.all { #expect(!SessionLedger.holdsSecrets(line), "\(line)") }
      }
    }

    @Test(arguments: [0, 80, 1_000, 5_000])
    func replayedLater(behind: Int) async throws {
      try await Gateway.run(GatewayConfiguration(rules: Associations.rules)) { gateway in
        let result = try await PeerClient.run {
          try await Self.expectHeld($0, gateway, ["scenario": "repeated-later", "count": .integer(behind)])
        }
        let record = try await gateway.record(clientPort: result["client_port"]?.integer ?? 0)
        #expect(DatagramRecord(record).drops == [behind < 1_024 ? "repeated" : "late": 1], "\(record)")
      }
    }

    @Test(arguments: ["ipv6", "name"])
    func otherTargets(own: String) async throws {
      try await Gateway.run(GatewayConfiguration(rules: Associations.rules)) { gateway in
        try await PeerClient.run { peer in
          for scenario in ["none", "tampered", "fragments", "headers", "injected", "other-port", "control-fin"] {
            try await Self.expectHeld(peer, gateway, ["scenario": .text(scenario), "own": .text(own)])
          }
        }
      }
    }

    /// On a port that is known before the reply.
    @Test(arguments: [1, 2])
    func datagramsBeforeTheReply(level: Int) async throws {
      let port = 41_961 + level
      let configuration = GatewayConfiguration(rules: Associations.rules, sections: ["udp: {ports: \(port)}"])
      try await Gateway.run(configuration) { gateway in
        try await PeerClient.run { peer in
          for _ in 1...20 {
            try await Self.expectHeld(
              peer, gateway, ["scenario": "early", "relay_port": .integer(port), "level": .integer(level)])
          }
        }
      }
    }

    /// 1,000,000 with GARTER_FULL_TESTS set.
    @Test(arguments: [1, 2]) func noAnswerToInvalidOnes(level: Int) async throws {
      let count = Environment.get("GARTER_FULL_TESTS") == nil ? 50_000 : 500_000
      try await Gateway.run(GatewayConfiguration(rules: Associations.rules)) { gateway in
        let result = try await PeerClient.run {
          try await Self.expectHeld(
            $0, gateway,
            ["scenario": "flood", "count": .integer(count), "level": .integer(level), "seconds": 600])
        }
        #expect(result["answers"] == 0 && result["passed"] == 0, "\(result)")
        let record = try await gateway.record(clientPort: result["client_port"]?.integer ?? 0)
        let counts = DatagramRecord(record)
        #expect(counts.dropped == count, "\(record)")
        #expect(counts.up == result["good"]?.integer && counts.down == counts.up, "\(record)")
      }
    }

    /// 1,000,000 at each level with GARTER_FULL_TESTS set.
    @Test(arguments: [1, 2, 3]) func lossRepetitionDisorderAndGaps(level: Int) async throws {
      let count = Environment.get("GARTER_FULL_TESTS") == nil ? 50_000 : 1_000_000
      try await Gateway.run(GatewayConfiguration(rules: Associations.rules)) { gateway in
        let result = try await PeerClient.run {
          try await $0.perform([
            "mode": "stream", "server": .text(gateway.address), "level": .integer(level), "count": .integer(count),
            "seed": .integer(level), "gaps": .integer(count / 5_000), "seconds": 600,
          ])
        }
        #expect(result["ok"] == true && result["missing"] == 0 && result["twice"] == 0, "\(result)")
        let counts = DatagramRecord(try await gateway.record(clientPort: result["client_port"]?.integer ?? 0))
        #expect(counts.up == result["delivered"]?.integer, "\(counts) \(result)")
        #expect(counts.up + counts.dropped == result["sent"]?.integer, "\(counts) \(result)")
        #expect(Set(counts.drops.keys) == ["repeated", "late"], "\(counts)")
      }
    }

    @discardableResult
    private static func expectHeld(
      _ peer: PeerClient, _ gateway: Gateway, _ fields: [String: JSONValue]
    ) async throws -> JSONValue {
      let job = fields.merging(["mode": "datagrams", "server": .text(gateway.address)]) { $1 }
      let result = try await peer.perform(job)
      #expect(result["verdict"] == "held", "\(JSONValue.fields(fields)): \(result)")
      return result
    }

    private static func expectCounted(_ result: JSONValue, _ record: LogLine, level: Int) {
      let scenario = result["scenario"]?.text ?? ""
      let counts = DatagramRecord(record)
      guard let allowed = self.reasons[scenario], let shots = result["shots"]?.integer,
        let passed = result["passed"]?.integer
      else { return }
      guard scenario != "integrity-only" || level == 2 else { return }
      #expect(counts.dropped == shots - passed, "\(result) \(record)")
      #expect(allowed.isSuperset(of: counts.drops.keys), "\(result) \(record)")
    }
  }
}

extension Gateway {
  /// The record of the session that came from a port of 127.0.0.1 or ::1.
  func record(clientPort: Int, within limit: Duration = .seconds(20)) async throws -> LogLine {
    let isIt = { @Sendable (line: String) in
      line.contains(": session ended ") && LogLine(line).metadata["client"]?.hasSuffix(":\(clientPort)") == true
    }
    try await self.child.diagnostics.wait(within: limit) { $0.contains(where: isIt) }
    guard let line = await self.child.diagnostics.all.last(where: isIt) else {
      throw GatewayError(account: "no record of the client at port \(clientPort)")
    }
    return LogLine(line)
  }
}
