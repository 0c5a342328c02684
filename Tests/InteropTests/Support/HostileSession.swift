import Testing

/// Runs hostile jobs against a gateway of their own, one after another, and compares its log.
enum HostileSession {
  @discardableResult
  static func expectHeld(
    _ jobs: [[String: JSONValue]], fields: [String: JSONValue],
    configuration: GatewayConfiguration = GatewayConfiguration(), environment: [String: String?] = [:],
    reason: (String) -> String?
  ) async throws -> [JSONValue] {
    #expect(!jobs.isEmpty)
    return try await Gateway.run(configuration, logLevel: "trace") { gateway in
      var ledger = SessionLedger()
      let results = try await PeerClient.run(environment: environment) { peer in
        var results: [JSONValue] = []
        for var job in jobs {
          job.merge(fields) { own, _ in own }
          job.merge(["mode": "hostile", "server": .text(gateway.address), "patience": 5]) { $1 }
          let scenario = job["scenario"]?.text ?? ""
          let result = try await peer.perform(job)
          #expect(result["verdict"] == "held", "\(JSONValue.fields(job)): \(result)")
          if let sessions = result["sessions"]?.integer {
            ledger.note(connections: sessions + (asksForLength(scenario, job) ? 1 : 0))
          } else {
            ledger.note(
              result, job, reason: reason(scenario), connections: Scenarios.connections(scenario))
          }
          results.append(result)
        }
        return results
      }
      try await ledger.check(gateway)
      return results
    }
  }

  /// A sweep over a whole message begins with a session that tells how long such a message is.
  private static func asksForLength(_ scenario: String, _ job: [String: JSONValue]) -> Bool {
    job["sweep"] == "all" && !scenario.hasPrefix("first-token")
  }
}
