import Testing

extension GarterdWithPeer {
  /// BIND: two protected replies, one connection of the host that is expected, and then a relay.
  @Suite struct Binds {
    static let rules = [
      #"{allow: [connect, bind], principals: ["alice@GARTER.TEST"], to: [127.0.0.0/8, "::1", localhost]}"#
    ]

    @Test(arguments: [1, 2, 3])
    func thePeerComes(level: Int) async throws {
      try await Gateway.run(GatewayConfiguration(rules: Self.rules)) { gateway in
        try await PeerClient.run { peer in
          let jobs: [[String: JSONValue]] = [
            [:], ["expected": "peer"], ["connects": ["127.0.0.3"]], ["expected": "peer", "connects": ["127.0.0.3"]],
            ["late": true], ["up": 1_000_000, "down": 1_000_000], ["up": 0, "down": 0],
            // Others are turned away, and the wait goes on.
            ["expected": "peer", "connects": ["127.0.0.2", "127.0.0.3", "127.0.0.1"]],
          ]
          for job in jobs {
            let result = try await Self.bind(peer, gateway, job.merging(["level": .integer(level)]) { $1 })
            #expect(result["ok"] == true && result["level"] == .integer(level), "\(result)")
            #expect(result["reply_tokens"] == 1 && result["second_tokens"] == 1, "\(result)")
            let isSealed = JSONValue.boolean(level != 1)
            #expect(result["reply_sealed"] == isSealed && result["second_sealed"] == isSealed, "\(result)")
            let record = try await gateway.record(clientPort: result["client_port"]?.integer ?? 0)
            #expect(record.reason == "completed", "\(record)")
          }
        }
      }
    }

    @Test func overIPv6() async throws {
      try await Gateway.run(GatewayConfiguration(listen: ["[::1]:0"], rules: Self.rules)) { gateway in
        try await PeerClient.run { peer in
          for expected in ["peer", "zero"] {
            let result = try await Self.bind(peer, gateway, ["expected": .text(expected), "connects": ["::1"]])
            #expect(result["ok"] == true, "\(result)")
          }
        }
      }
    }

    /// Whom the rules do not let in is turned away, even where the client expects anybody.
    @Test func theRulesDecideWhoComes() async throws {
      let rules = [
        #"{deny: [bind], to: [127.0.0.2]}"#,
        #"{allow: [bind], principals: ["alice@GARTER.TEST"], to: [127.0.0.0/8]}"#,
      ]
      try await Gateway.run(GatewayConfiguration(rules: rules)) { gateway in
        try await PeerClient.run { peer in
          let result = try await Self.bind(peer, gateway, ["connects": ["127.0.0.2", "127.0.0.1"]])
          #expect(result["ok"] == true && result["connections"]?.list?.count == 1, "\(result)")
          let denied = try await Self.bind(peer, gateway, ["expected": "127.0.0.2:0"])
          #expect(denied["reply"] == 2 && denied["end"] == "fin", "\(denied)")
        }
        let records = try await gateway.sessions(2)
        #expect(records.map(\.reason) == ["completed", "refused-by-rule"], "\(records)")
      }
    }

    @Test(arguments: ["fin", "reset"])
    func theClientGoes(leave: String) async throws {
      try await Gateway.run(GatewayConfiguration(rules: Self.rules)) { gateway in
        let result = try await PeerClient.run { try await Self.bind($0, gateway, ["leave": .text(leave)]) }
        #expect(result["ok"] == true && (result["gone_ms"]?.integer ?? .max) <= 100, "\(result)")
      }
    }

    @Test(arguments: [1, 2])
    func nobodyComes(level: Int) async throws {
      let configuration = GatewayConfiguration(rules: Self.rules, sections: ["bind: {timeout: 1s}"])
      try await Gateway.run(configuration) { gateway in
        let result = try await PeerClient.run {
          try await Self.bind(
            $0, gateway,
            [
              "leave": "stay", "expected": "127.0.0.1:0", "connects": ["127.0.0.2", "127.0.0.3"],
              "level": .integer(level),
            ])
        }
        #expect(result["ok"] == true && result["end"] == "fin", "\(result)")
        #expect((900...2_000).contains(result["timer_ms"]?.integer ?? 0), "\(result)")
        #expect(result["second_tokens"] == 1 && result["second_sealed"] == .boolean(level != 1), "\(result)")
        let records = try await gateway.sessions(1)
        #expect(records.map(\.reason) == ["bind-timeout"], "\(records)")
      }
    }

    @Test func nobodyMayBind() async throws {
      try await Gateway.run { gateway in
        let result = try await PeerClient.run { try await Self.bind($0, gateway, [:]) }
        #expect(result["reply"] == 2 && result["reply_sealed"] == true, "\(result)")
      }
    }

    private static func bind(
      _ peer: PeerClient, _ gateway: Gateway, _ fields: [String: JSONValue]
    ) async throws -> JSONValue {
      try await peer.perform(fields.merging(["mode": "bind", "server": .text(gateway.address)]) { $1 })
    }
  }
}
