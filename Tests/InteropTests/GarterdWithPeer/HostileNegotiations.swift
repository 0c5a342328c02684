import FoundationEssentials
import Testing
import ThrowawayRealm

extension GarterdWithPeer {
  /// Clients that break the negotiation at one place, or whose context is not good enough.
  @Suite struct HostileNegotiations {
    @Test func theListIsComplete() async throws {
      let scenarios = try await Scenarios.list()
      let all = scenarios.data + scenarios.negotiation + scenarios.timed
      #expect(Set(all) == Set(Scenarios.reasons.keys))
      #expect([scenarios.data.count, scenarios.negotiation.count, scenarios.timed.count] == [28, 41, 5])
    }

    @Test(arguments: [1, 2, 3])
    func everyScenario(level: Int) async throws {
      let asked: [JSONValue] = [0, 4, 9, 128, 255]
      try await expectHeld(
        try await Scenarios.list().negotiation.flatMap { scenario -> [[String: JSONValue]] in
          switch scenario {
          case "level-asked": asked.map { ["scenario": "level-asked", "asked": $0] }
          // A principal of the keytab that is not among the services.
          case "context-as-given": [["scenario": "context-as-given", "service": "host@localhost"]]
          default: [["scenario": .text(scenario)]]
          }
        }, level: level)
    }

    /// Some octets of a first token are not protected by Kerberos: there the context may come about, unchanged.
    @Test func everyOctetOfAFirstToken() async throws {
      let jobs: [[String: JSONValue]] = [
        ["scenario": "first-token-tampered", "sweep": "all"], ["scenario": "first-token-truncated", "sweep": "all"],
        // The frame, the object identifier, the token's type and the beginning of the AP-REQ, bit by bit.
        ["scenario": "first-token-tampered", "sweep": "0-40", "bits": "all"],
      ]
      let results = try await expectHeld(jobs, level: 2)
      #expect(results.allSatisfy { ($0["sessions"]?.integer ?? 0) > 300 }, "\(results)")
      #expect((results[1]["passed"]?.integer) == 0)
    }

    /// A session key that is not AES.
    @Test func aWeakKey() async throws {
      let environment = try await WeakTicket.environment()
      try await expectHeld(
        [["scenario": "context-as-given"]], level: 2, environment: environment, reason: "context-too-weak")
    }

    @Test func aServiceThatIsNotConfigured() async throws {
      try await expectHeld(
        [["scenario": "context-as-given", "service": "rcmd@localhost"]], level: 2, reason: "service-not-served",
        configuration: GatewayConfiguration(kerberos: ["services: [socks]"]))
    }

    /// Every level asked of every set of levels: never a weaker one than was asked for.
    @Test(
      arguments: [
        [1: 1, 2: 2, 3: 3], [1: 1, 2: nil, 3: nil], [1: 2, 2: 2, 3: 2], [1: nil, 2: nil, 3: 3], [1: 1, 2: 2, 3: 2],
        [1: 1, 2: nil, 3: 3], [1: 2, 2: 2, 3: 3],
      ] as [[Int: Int?]], [true, false])
    func levels(answers: [Int: Int?], isConfidential: Bool) async throws {
      let names = [1: "integrity", 2: "confidentiality", 3: "selective"]
      let allowed = answers.filter { $0.key == $0.value }.keys.sorted()
      let list = allowed.compactMap { names[$0] }.joined(separator: ", ")
      try await Gateway.run(GatewayConfiguration(kerberos: ["levels: [\(list)]"])) { gateway in
        try await PeerClient.run { peer in
          for asked in 1...3 {
            var job: [String: JSONValue] = [
              "mode": "transfer", "server": .text(gateway.address), "level": .integer(asked),
            ]
            var answer = answers[asked] ?? nil
            if !isConfidential {
              job["flags"] = ["mutual", "replay", "sequence", "integ"]
              // Without confidentiality there is nothing but level 1.
              answer = asked == 1 && allowed.contains(1) ? 1 : nil
            }
            let result = try await peer.perform(job)
            #expect(result["level"]?.integer == answer, "allowed \(list), asked \(asked): \(result)")
            #expect(answer != nil || result["refused"] == "abort 01ff", "\(result)")
          }
        }
        let records = try await gateway.sessions(3)
        #expect(Set(records.map(\.reason)).isSubset(of: ["completed", "level-not-acceptable"]))
      }
    }

    @discardableResult
    private func expectHeld(
      _ jobs: [[String: JSONValue]], level: Int, environment: [String: String?] = [:], reason: String? = nil,
      configuration: GatewayConfiguration = GatewayConfiguration()
    ) async throws -> [JSONValue] {
      try await HostileSession.expectHeld(
        jobs, fields: ["level": .integer(level)], configuration: configuration, environment: environment
      ) { reason ?? Scenarios.reason($0, level: level) }
    }
  }
}
