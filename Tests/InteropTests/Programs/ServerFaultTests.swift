import Subprocess
import Testing

extension ProgramTests {
  /// `garter connect` against a server that another hand has written from the RFCs, and that misbehaves in every way it
  /// knows.
  @Suite struct ServerFaultTests {
    @Test(.timeLimit(.minutes(5))) func everyFaultIsNamedAndNothingBadIsPassedOn() async throws {
      let names = try await self.names()
      #expect(names.count >= 100)
      try await withThrowingTaskGroup { levels in
        for level in 1...3 {
          levels.addTask {
            var faults = names.map { ServerFault(named: $0, level: level) }
            faults += [0, 1, 2, 3, 4, 0xff].filter { $0 != level }.map { ServerFault(levelAnswer: $0, asked: level) }
            faults += [0, 2, 7, 0xff].map { ServerFault(methodAnswer: $0) }
            faults += [
              ServerFault(replyCode: 1, words: "the gateway failed"),
              ServerFault(replyCode: 2, words: "the gateway's rules do not allow it"),
              ServerFault(replyCode: 3, words: "its network is unreachable from there"),
              ServerFault(replyCode: 4, words: "there is no such host, or it does not answer"),
              ServerFault(replyCode: 5, words: "the target refused the connection"),
              ServerFault(replyCode: 6, words: "TTL expired"),
              ServerFault(replyCode: 7, words: "the gateway does not offer this command"),
              ServerFault(replyCode: 8, words: "the gateway does not take this kind of address"),
              ServerFault(replyCode: 0xff, words: "unassigned reply code 255"),
            ]
            try await self.commit(faults, level: level)
          }
        }
        try await levels.waitForAll()
      }
    }

    private func names() async throws -> [String] {
      let list = try await Script(text: #"exec "$@""#, arguments: Programs.peer("peer_server.py") + ["--list"])
        .succeed()
      return try JSONValue(parsing: list.text).list?.compactMap(\.text) ?? []
    }

    private func commit(_ faults: [ServerFault], level: Int) async throws {
      let interop = try await InteropRealm.ready()
      let command = ["--keytab", interop.keytab, "--rcache", "none:", "--control", "--target", "messages"]
      try await ListeningChild.run(Programs.peer("peer_server.py") + command) { server in
        for (number, fault) in faults.enumerated() {
          let answer = try await server.control(.fields(fault.policy))
          try #require(answer["policy"] == "changed", "\(fault): \(answer)")
          // A short deadline only where it is what is awaited.
          let options = ["--level", "\(level)", "--timeout", fault.isSilent ? "1" : "30"]
          let ending = try await GarterConnect(gateway: server.address, options: options).run()
          let report = try await server.report()
          self.expect(fault, level, ending, report, number: number + 1)
        }
      }
    }

    private func expect(
      _ fault: ServerFault, _ level: Int, _ ending: Script.Ending, _ report: JSONValue, number: Int
    ) {
      let account: Comment = "level \(level), \(fault): \(ending), \(report)"
      #expect(ending.status == .exited(fault.status), account)
      #expect(ending.text == fault.output, account)
      if let words = fault.words {
        #expect(ending.complaints.count == 1, account)
        #expect(ending.diagnostics.hasPrefix("garter: "), account)
        #expect(ending.diagnostics.contains(words), account)
      } else {
        #expect(ending.diagnostics.isEmpty, account)
      }
      // One attempt, never a weaker one.
      #expect(report["session"]?.integer == number, account)
      if let asked = report["level_asked"]?.integer { #expect(asked == level, account) }
      if fault.endsNegotiation {
        #expect(report["target"] == nil, account)
        if let after = report["after_fault"] { #expect(after["octets"] == 0, account) }
      }
    }
  }
}
