import Testing

extension GarterdWithPeer {
  /// Clients that alter one message of the data phase: the target gets what came before it and then a reset.
  @Suite struct HostileData {
    @Test(arguments: [1, 2, 3], ["lockstep", "burst"])
    func everyScenarioAtEveryPosition(level: Int, pace: String) async throws {
      let jobs = try await Scenarios.list().data.flatMap { scenario in
        Scenarios.positions.map { position -> [String: JSONValue] in
          ["scenario": .text(scenario), "position": .text(position)]
        }
      }
      #expect(jobs.count == 84)
      try await HostileSession.expectHeld(
        jobs, fields: ["level": .integer(level), "pace": .text(pace), "at": 30]
      ) { Scenarios.reason($0, level: level) }
    }

    @Test(arguments: [1, 2, 3], Scenarios.positions)
    func everyOctet(level: Int, position: String) async throws {
      let sweeps = ["flipped", "truncated", "misdeclared", "fin-inside"].map { scenario -> [String: JSONValue] in
        ["scenario": .text(scenario), "sweep": "all"]
      }
      let results = try await HostileSession.expectHeld(
        sweeps, fields: ["level": .integer(level), "position": .text(position), "size": 8]
      ) { _ in nil }
      // 4 octets of frame, 16 of token header, 8 of data and 12 of checksum at least.
      #expect(results.allSatisfy { ($0["sessions"]?.integer ?? 0) >= 36 }, "\(results)")
    }

    /// Every bit of the frame, the token's header and a few octets more.
    @Test(arguments: [1, 2])
    func everyBit(level: Int) async throws {
      try await HostileSession.expectHeld(
        [["scenario": "flipped", "sweep": "0-27", "bits": "all"]],
        fields: ["level": .integer(level), "position": "middle", "size": 8]
      ) { _ in nil }
    }

    /// The library says nothing of gaps and swaps without the SEQUENCE flag: the number in the header must.
    @Test(arguments: [1, 2, 3], ["lockstep", "burst"])
    func orderWithoutTheSequenceFlag(level: Int, pace: String) async throws {
      let jobs = ["deleted", "repeated", "repeated-later", "late", "swapped", "level-token-again", "none"].flatMap {
        scenario in
        Scenarios.positions.map { position -> [String: JSONValue] in
          ["scenario": .text(scenario), "position": .text(position)]
        }
      }
      try await HostileSession.expectHeld(
        jobs,
        fields: [
          "level": .integer(level), "pace": .text(pace), "flags": ["mutual", "replay", "integ", "conf"],
        ]
      ) { Scenarios.reason($0, level: level) }
    }

    /// 1,000 empty messages in a row are harmless, and one more is not.
    @Test(arguments: [1, 2])
    func emptyMessages(level: Int) async throws {
      let results = try await HostileSession.expectHeld(
        [["scenario": "empties", "count": 1_000], ["scenario": "empties", "count": 900]],
        fields: ["level": .integer(level)]
      ) { _ in "completed" }
      #expect(results.map { $0["passed"] } == [true, true])
      try await HostileSession.expectHeld(
        [["scenario": "empties", "count": 1_001]], fields: ["level": .integer(level)]
      ) { _ in "too-many-empty-messages" }
    }
  }
}
