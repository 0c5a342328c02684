import Testing

extension GarterdWithPeer {
  @Suite struct LargeTransfers {
    @Test(arguments: [1, 2, 3])
    func aGibibyteBothWaysAtOnce(level: Int) async throws {
      try await Gateway.run { gateway in
        let result = try await PeerClient.run { peer in
          try await peer.perform([
            "mode": "transfer", "server": .text(gateway.address), "level": .integer(level), "up": .integer(1 << 30),
            "down": .integer(1 << 30), "seconds": 300,
          ])
        }
        #expect(GoodSession.isGood(result, level: level), "\(result)")
        let records = try await gateway.sessions(1)
        #expect(records.map { $0.metadata["bytes_up"] } == ["\(1 << 30)"])
        #expect(records.map { $0.metadata["bytes_down"] } == ["\(1 << 30)"])
      }
    }
  }
}
