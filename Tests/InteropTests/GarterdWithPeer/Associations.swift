import Testing

extension GarterdWithPeer {
  /// UDP ASSOCIATE as it should be used: every kind of target, every level, every size.
  @Suite struct Associations {
    static let rules = [
      #"{allow: [connect, associate], principals: ["alice@GARTER.TEST"], to: [127.0.0.0/8, "::1", localhost]}"#
    ]

    @Test(arguments: [1, 2, 3])
    func everyKindOfTarget(level: Int) async throws {
      try await Gateway.run(GatewayConfiguration(rules: Self.rules)) { gateway in
        try await PeerClient.run { peer in
          for own in ["ipv4", "ipv6", "name"] {
            for request in ["zero", "own", "10.1.2.3:9"] {
              let result = try await peer.perform([
                "mode": "associate", "server": .text(gateway.address), "level": .integer(level), "own": .text(own),
                "request": .text(request), "count": 20,
              ])
              Self.expectGood(result, level: level)
            }
          }
        }
        let records = try await gateway.sessions(9)
        #expect(records.allSatisfy { $0.reason == "completed" }, "\(records)")
      }
    }

    /// -1: the largest that fits into a datagram.
    @Test(arguments: [1, 2, 3])
    func everySize(level: Int) async throws {
      try await Gateway.run(GatewayConfiguration(rules: Self.rules)) { gateway in
        try await PeerClient.run { peer in
          for size in [0, 1, 1_400, 9_000, 65_000, -1] {
            let result = try await peer.perform([
              "mode": "associate", "server": .text(gateway.address), "level": .integer(level), "size": .integer(size),
              "own": size < 0 ? "ipv4" : "name",
            ])
            Self.expectGood(result, level: level)
            guard size < 0 else { continue }
            // 65,507 octets less the message's header, the datagram's, and what protection adds.
            let largest = 65_507 - 4 - 10 - (level == 1 ? 28 : 60)
            #expect(result["size"] == .integer(largest) && result["answer_size"] == .integer(largest), "\(result)")
          }
        }
      }
    }

    @Test func aGatewayOnIPv6() async throws {
      try await Gateway.run(GatewayConfiguration(listen: ["[::1]:0"], rules: Self.rules)) { gateway in
        try await PeerClient.run { peer in
          for own in ["ipv4", "ipv6", "name"] {
            let result = try await peer.perform([
              "mode": "associate", "server": .text(gateway.address), "own": .text(own), "size": 1_400,
            ])
            Self.expectGood(result, level: 2)
            #expect(result["bound"]?.text?.hasPrefix("[::1]:") == true, "\(result)")
          }
        }
      }
    }

    @Test func anAnswerThatDoesNotFitIsDropped() async throws {
      try await Gateway.run(GatewayConfiguration(rules: Self.rules)) { gateway in
        let result = try await PeerClient.run {
          try await $0.perform([
            "mode": "associate", "server": .text(gateway.address), "answer": 65_500, "count": 1,
            "expect_answer": false, "patience": 0.5,
          ])
        }
        #expect(result["ok"] == true && result["answered"] == 0, "\(result)")
        let record = try #require(try await gateway.sessions(1).first)
        #expect(DatagramRecord(record) == DatagramRecord(up: 1, down: 0, drops: ["too-large": 1]), "\(record)")
      }
    }

    @Test func whatTheRulesForbid() async throws {
      let rules = [
        #"{deny: [associate], to: ["::1"]}"#,
        #"{allow: [associate], principals: ["alice@GARTER.TEST"], to: [127.0.0.0/8]}"#,
      ]
      try await Gateway.run(GatewayConfiguration(rules: rules)) { gateway in
        try await PeerClient.run { peer in
          let fields: [String: JSONValue] = [
            "mode": "associate", "server": .text(gateway.address), "count": 3, "patience": 0.5,
          ]
          let allowed = try await peer.perform(fields)
          Self.expectGood(allowed, level: 2)
          let denied = try await peer.perform(fields.merging(["own": "ipv6", "expect_answer": false]) { $1 })
          #expect(denied["ok"] == true && denied["origin"]?["received"] == 0, "\(denied)")
        }
        let records = try await gateway.sessions(2)
        #expect(
          records.map(DatagramRecord.init) == [
            DatagramRecord(up: 3, down: 3), DatagramRecord(up: 0, down: 0, drops: ["refused-by-rule": 1]),
          ], "\(records)")
      }
    }

    @Test func nobodyMayAssociate() async throws {
      try await Gateway.run { gateway in
        let result = try await PeerClient.run {
          try await $0.perform(["mode": "associate", "server": .text(gateway.address)])
        }
        #expect(result["refused"] == "reply 0x02", "\(result)")
        let records = try await gateway.sessions(1)
        #expect(records.map(\.reason) == ["refused-by-rule"], "\(records)")
      }
    }

    static func expectGood(_ result: JSONValue, level: Int, sourceLocation: SourceLocation = #_sourceLocation) {
      let sealed: JSONValue = level == 1 ? "none" : "all"
      #expect(
        result["ok"] == true && result["level"] == .integer(level) && result["reply_tokens"] == 1
          && result["reply_sealed"] == .boolean(level != 1) && result["received"]?["sealed"] == sealed,
        "\(result)", sourceLocation: sourceLocation)
      // Nothing of the association is left.
      #expect((result["gone_ms"]?.integer ?? .max) <= 100, "\(result)", sourceLocation: sourceLocation)
    }
  }
}
