import Testing

extension HeimdalTests {
  /// `garterd` with a client on Heimdal's library.
  @Suite struct HeimdalClientTests {
    @Test(.timeLimit(.minutes(2)), arguments: Protection.all, Transport.allCases)
    func withTicketsOfMIT(protection: Protection, transport: Transport) async throws {
      try await Gateway.run(GatewayConfiguration(rules: rules)) { gateway in
        let result = try await HeimdalPeers.runClient(
          gateway: gateway.address, protection: protection, transport: transport,
          environment: try await InteropRealm.ready().environment)
        protection.expect(result)
        let records = try await gateway.sessions(1)
        #expect(records.map(\.reason) == ["completed"], "\(records)")
      }
    }

    @Test(.timeLimit(.minutes(2))) func withTicketsOfHeimdal() async throws {
      try await OwnRealm.lend(implementation: try HeimdalPeers.centre()) { own in
        let ticket = try await own.ticket()
        try await own.runGateway(GatewayConfiguration(rules: rules)) { gateway in
          for transport in Transport.allCases {
            let protection = Protection(level: 2)
            let result = try await HeimdalPeers.runClient(
              gateway: gateway.address, protection: protection, transport: transport, environment: ticket)
            protection.expect(result)
          }
          let records = try await gateway.sessions(2)
          #expect(records.map(\.reason) == ["completed", "completed"], "\(records)")
          #expect(records.allSatisfy { $0.metadata["principal"] == "alice@GARTER.TEST" }, "\(records)")
        }
      }
    }
  }
}
