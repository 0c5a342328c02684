import Subprocess
import Testing

extension ProgramTests {
  /// `garter connect` with a tap on the wire that alters what the gateway sends.
  @Suite struct WireFaultTests {
    static let octets = 1 << 20

    struct Fault: Sendable, CustomTestStringConvertible {
      let kind: String
      /// The message that is altered; the first is the reply.
      let message: Int

      /// Messages that are good when the first bad one comes.
      var good: Int {
        switch self.kind {
        case "repeat": self.message
        case "repeat-later": self.message + 2
        case "octets": .max
        default: self.message - 1
        }
      }

      var testDescription: String { "\(self.kind) of message \(self.message)" }

      static let all = [
        "delete", "repeat", "repeat-later", "late", "swap", "flip", "truncate", "misdeclare", "fin", "reset", "clear",
        "type", "version", "zero-length", "octets",
      ].flatMap { kind in [1, 2, 5].map { Fault(kind: kind, message: $0) } }
    }

    @Test(.timeLimit(.minutes(3)), arguments: [1, 2])
    func nothingBadReachesStandardOutput(level: Int) async throws {
      let sent = try await SeededOctets.sent(Self.octets)
      try await ListeningChild.origin("source", octets: Self.octets) { origin in
        try await Gateway.run { gateway in
          try await WireTap.run(to: gateway.address, canary: Array(sent[4_096..<4_112])) { tap in
            for (number, fault) in Fault.all.enumerated() {
              let fields: JSONValue = [
                "kind": .text(fault.kind), "direction": "down", "message": .integer(fault.message), "at": 10,
              ]
              tap.child.send(try fields.encoded())
              _ = try await tap.nextSession()
              let ending = try await GarterConnect(
                gateway: tap.address, port: origin.port, options: ["--level", "\(level)", "--timeout", "30"]
              ).run()
              let report = try await tap.nextSession()
              self.expect(fault, level, ending, report, sent)
              let records = try await gateway.sessions(number + 1)
              #expect(records.count == number + 1, "one attempt for each: \(fault) \(records)")
            }
          }
        }
      }
    }

    private func expect(_ fault: Fault, _ level: Int, _ ending: Script.Ending, _ report: JSONValue, _ sent: [UInt8]) {
      let account: Comment = """
        level \(level), \(fault): \(ending.status), \(ending.output.count) octets, \(ending.diagnostics), \(report)
        """
      #expect(report["fault_applied"] == true, account)
      if level == 2 { #expect(report["down"]?["canaries"] == 0, account) }
      guard fault.kind != "octets" else {
        #expect(ending.status == .exited(0), account)
        let isComplete = ending.output == sent
        #expect(isComplete, account)
        return
      }
      // Before the reply is there the gateway is at fault; after it the session is cut short.
      let isNegotiating = fault.good == 0
      let status: Int32 = isNegotiating && fault.kind != "reset" ? 76 : 74
      #expect(ending.status == .exited(status), account)
      #expect(ending.complaints.count == 1 && ending.diagnostics.hasPrefix("garter: "), account)
      let isPrefix = ending.output.elementsEqual(sent.prefix(ending.output.count))
      #expect(isPrefix, account)
      let overhead = level == 1 ? 28 : 60
      let lengths = report["down"]?["first_tokens"]?.list?.compactMap { $0["length"]?.integer } ?? []
      let good = lengths.prefix(fault.good).dropFirst().reduce(0) { $0 + $1 - overhead }
      // A reset may overtake what was good, and ends what waits for a reader.
      let isExact = fault.kind != "reset" && good <= 1 << 16
      #expect(isExact ? ending.output.count == good : ending.output.count <= good, account)
    }
  }
}
