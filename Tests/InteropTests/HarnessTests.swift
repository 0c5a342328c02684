import Testing

@Suite struct HarnessTests {
  @Test func aTransferThroughTheGateway() async throws {
    try await Gateway.run { gateway in
      let result = try await PeerClient.run {
        try await $0.perform(["mode": "transfer", "server": .text(gateway.address)])
      }
      #expect(result["ok"] == true, "\(result)")
      let sessions = try await gateway.sessions(1)
      #expect(sessions.map(\.reason) == ["completed"], "\(sessions)")
    }
  }
}
