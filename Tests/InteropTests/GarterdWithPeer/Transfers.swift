import Testing

extension GarterdWithPeer {
  /// Good sessions: octets both ways at once, compared by their hashes at both ends.
  @Suite struct Transfers {
    static let levels = [1, 2, 3]

    /// 65,475 and 65,507 octets are what fits into the largest token at levels 2 and 1.
    @Test(arguments: levels)
    func sizes(level: Int) async throws {
      let sizes = [0, 1, 65_474, 65_475, 65_476, 65_507, 65_508, 65_536, 1 << 20]
      let results = try await transfer(level: level, sizes.map { ["up": .integer($0), "down": .integer($0)] })
      #expect(results.last?["sent"]?["largest_token"] == 65_535)
    }

    @Test(arguments: levels)
    func segments(level: Int) async throws {
      try await transfer(
        level: level,
        ["whole", "split", "octets", "random", "coalesce"].flatMap { segment -> [[String: JSONValue]] in
          let octets: JSONValue = segment == "octets" ? 3_000 : 300_000
          return [997, 0].map { ["segment": .text(segment), "chunk": $0, "up": octets, "down": 300_000] }
        })
    }

    @Test(arguments: levels)
    func splitRequestsAndEarlyData(level: Int) async throws {
      let splits: [[String: JSONValue]] = [2, 5, 10].map { ["request_split": $0, "up": 10] }
      try await transfer(
        level: level,
        splits + [
          ["up": 100, "early_data": 100],
          ["up": 5_000, "early_data": 100, "early_tokens": 3, "chunk": 500],
          [
            "up": 9_000, "early_data": 7, "early_tokens": 2, "chunk": 100, "request_split": 4, "segment": "octets",
          ],
          ["up": 100, "empty_tokens": 900],
        ])
    }

    @Test(arguments: levels)
    func targets(level: Int) async throws {
      try await transfer(level: level, ["ipv4", "ipv6", "name"].map { ["own": $0, "up": 10, "down": 10] })
    }

    @Test(arguments: ["alternate", "always", "never"])
    func whatAClientSealsAtLevel3(sealing: String) async throws {
      let results = try await transfer(level: 3, [["sealing": .text(sealing), "up": 200_000, "down": 200_000]])
      // The gateway seals what it cannot tell to be encrypted already.
      #expect(results.map { $0["received"]?["sealed"] } == ["all"])
    }

    @Test(arguments: levels)
    func withoutTheSequenceFlag(level: Int) async throws {
      let results = try await transfer(
        level: level, [["flags": ["mutual", "replay", "integ", "conf"], "up": 300_000, "down": 300_000]])
      #expect(results.first?["flags"] == ["conf", "integ", "mutual", "replay"])
    }

    @Test func withoutConfidentialityAtLevel1() async throws {
      try await transfer(level: 1, [["flags": ["mutual", "replay", "sequence", "integ"]]])
    }

    @Test func theOtherService() async throws {
      let results = try await transfer(level: 2, [["service": "rcmd@localhost"]])
      #expect(results.map { $0["server"] } == ["rcmd/localhost@GARTER.TEST"])
    }

    @Test(arguments: levels)
    func negotiatedMechanism(level: Int) async throws {
      let configuration = GatewayConfiguration(kerberos: ["mechanisms: [krb5, spnego]"])
      let jobs: [[String: JSONValue]] = [
        ["mechanism": "spnego", "up": 300_000, "down": 300_000], ["mechanism": "krb5", "up": 300_000],
      ]
      try await transfer(level: level, jobs, configuration)
    }

    @Test func aGatewayOnSeveralAddresses() async throws {
      try await Gateway.run(GatewayConfiguration(listen: ["127.0.0.1:0", "[::1]:0"])) { gateway in
        #expect(gateway.addresses.count == 2)
        try await PeerClient.run { peer in
          for address in gateway.addresses {
            let result = try await peer.perform([
              "mode": "transfer", "server": .text(address), "own": "ipv6", "up": 300_000, "down": 300_000,
            ])
            #expect(GoodSession.isGood(result, level: 2), "\(address): \(result)")
          }
        }
        let clients = try await gateway.sessions(2).compactMap { $0.metadata["client"]?.first }
        #expect(Set(clients) == ["1", "["])
      }
    }

    /// Checks what every good session has in common, and the gateway's log.
    @discardableResult
    private func transfer(
      level: Int, _ jobs: [[String: JSONValue]], _ configuration: GatewayConfiguration = GatewayConfiguration()
    ) async throws -> [JSONValue] {
      try await Gateway.run(configuration, logLevel: "trace") { gateway in
        var ledger = SessionLedger()
        let results = try await PeerClient.run { peer in
          var results: [JSONValue] = []
          for var job in jobs {
            job.merge(["mode": "transfer", "server": .text(gateway.address), "level": .integer(level)]) { $1 }
            let result = try await peer.perform(job)
            #expect(GoodSession.isGood(result, level: level), "\(JSONValue.fields(job)): \(result)")
            ledger.note(result, job, reason: "completed")
            results.append(result)
          }
          return results
        }
        try await ledger.check(gateway)
        return results
      }
    }
  }
}
