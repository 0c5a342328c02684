import Testing

extension GarterdWithPeer {
  /// Silence, and one octet a second: both end at the phase's deadline, with the answer that is due there.
  @Suite struct Deadlines {
    @Test func everySlowClient() async throws {
      let scenarios = try await Scenarios.list().timed
      #expect(scenarios.count == 5)
      let configuration = GatewayConfiguration(
        timeouts: ["method: 2500ms", "authentication: 2500ms", "level: 2500ms", "request: 2500ms"])
      try await Gateway.run(configuration) { gateway in
        let results = try await withThrowingTaskGroup { tasks in
          for scenario in scenarios {
            tasks.addTask {
              try await PeerClient.run { peer in
                (
                  scenario,
                  try await peer.perform([
                    "scenario": .text(scenario), "server": .text(gateway.address), "deadline_ms": 2_500,
                  ])
                )
              }
            }
          }
          return try await tasks.reduce(into: []) { $0.append($1) }
        }
        var ledger = SessionLedger()
        for (scenario, result) in results {
          #expect(result["verdict"] == "held", "\(result)")
          // The checks of the client allow a second; a deadline never comes early.
          #expect((result["ms"]?.integer ?? 0) >= 2_400, "\(result)")
          if scenario.hasPrefix("announced") { #expect(result["answer_hex"] == "01ff", "\(result)") }
          ledger.note(result, ["scenario": .text(scenario)], reason: Scenarios.reasons[scenario] ?? "unknown")
        }
        try await ledger.check(gateway)
      }
    }
  }
}
