import Testing

extension GarterdWithPeer {
  /// Requests that cannot be granted: the code in a token of its own, protected, and then the end.
  @Suite struct Replies {
    static let rules = [
      #"{deny: [connect], to: [127.0.0.2]}"#,
      #"{allow: [connect], principals: ["alice@GARTER.TEST"], to: [127.0.0.0/8, localhost, "*.invalid"]}"#,
    ]

    @Test(
      arguments: [1, 2, 3],
      [
        ("127.0.0.1:1", 5, "connection-refused"), ("does-not-exist.invalid:80", 4, "no-such-name"),
        ("127.0.0.2:80", 2, "refused-by-rule"), ("10.0.0.1:80", 2, "refused-by-rule"),
      ])
    func refusals(level: Int, target: (address: String, code: Int, reason: String)) async throws {
      try await Gateway.run(GatewayConfiguration(rules: Self.rules)) { gateway in
        let job: [String: JSONValue] = [
          "mode": "transfer", "server": .text(gateway.address), "level": .integer(level),
          "target": .text(target.address), "early_data": 1,
        ]
        let result = try await PeerClient.run { try await $0.perform(job) }
        #expect(result["reply"] == .integer(target.code), "\(result)")
        #expect(result["reply_tokens"] == 1 && result["end"] == "fin", "\(result)")
        #expect(result["reply_sealed"] == .boolean(level != 1), "\(result)")
        var ledger = SessionLedger()
        ledger.note(result, job, reason: target.reason)
        try await ledger.check(gateway)
      }
    }

    @Test func theBoundAddressIsARealOne() async throws {
      try await Gateway.run { gateway in
        let result = try await PeerClient.run {
          try await $0.perform(["mode": "transfer", "server": .text(gateway.address)])
        }
        let bound = result["bound"]?.text ?? ""
        #expect(bound.hasPrefix("127.0.0.1:") && !bound.hasSuffix(":0"), "\(result)")
      }
    }
  }
}
