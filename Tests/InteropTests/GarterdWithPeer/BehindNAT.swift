import Testing
import ThrowawayRealm

extension GarterdWithPeer {
  /// Client and gateway on two hosts with NAT between them, and with IPv6 and none.
  @Suite struct BehindNAT {
    static let configuration = GatewayConfiguration(
      listen: ["10.77.0.2:1080", "[2001:db8:2::2]:1080"],
      rules: [
        """
        {allow: [connect, bind, associate], principals: ["alice@GARTER.TEST"], \
        to: [10.77.0.0/24, 198.51.100.0/24, "2001:db8::/32"]}
        """
      ],
      sections: [
        "udp: {ports: 40000-40009, advertise_address: 198.51.100.1}",
        "bind: {ports: 41000-41009, advertise_address: 198.51.100.1}",
      ])

    @Test(.timeLimit(.minutes(2)), arguments: [1, 2])
    func everyCommand(level: Int) async throws {
      try await Self.run(Self.configuration) { hosts, port, peer in
        let common: [String: JSONValue] = ["server": "198.51.100.1:1080", "level": .integer(level)]
        for request in ["zero", "own"] {
          let associated = try await peer.perform(
            common.merging([
              "mode": "associate", "target": .text("10.77.0.1:\(port)"), "request": .text(request), "size": 1_400,
            ]) { $1 })
          Associations.expectGood(associated, level: level)
          #expect(associated["bound"]?.text?.hasPrefix("198.51.100.1:400") == true, "\(associated)")
        }
        for expected in ["zero", "peer"] {
          let bound = try await peer.perform(
            common.merging(["mode": "bind", "expected": .text(expected), "connects": ["198.51.100.2"]]) { $1 })
          #expect(bound["ok"] == true && bound["is_peer"] == true, "\(bound)")
          #expect(bound["bound"]?.text?.hasPrefix("198.51.100.1:410") == true, "\(bound)")
        }
      }
    }

    /// Nothing is told in place of an address of IPv6.
    @Test(.timeLimit(.minutes(2))) func overIPv6() async throws {
      try await Self.run(Self.configuration) { hosts, port, peer in
        let common: [String: JSONValue] = ["server": "[2001:db8:2::2]:1080"]
        for target in ["[2001:db8:2::1]", "10.77.0.1"] {
          let associated = try await peer.perform(
            common.merging(["mode": "associate", "target": .text("\(target):\(port)"), "request": "own"]) { $1 })
          Associations.expectGood(associated, level: 2)
          #expect(associated["bound"]?.text?.hasPrefix("[2001:db8:2::2]:400") == true, "\(associated)")
        }
        for expected in ["zero", "peer"] {
          let bound = try await peer.perform(
            common.merging(["mode": "bind", "expected": .text(expected), "connects": ["2001:db8:1::2"]]) { $1 })
          #expect(bound["ok"] == true, "\(bound)")
        }
      }
    }

    /// Without it the client is told where it cannot send to.
    @Test(.timeLimit(.minutes(2))) func withoutTheAdvertisedAddress() async throws {
      var configuration = Self.configuration
      configuration.sections = ["udp: {ports: 40000-40009}", "bind: {ports: 41000-41009}"]
      try await Self.run(configuration) { hosts, port, peer in
        let associated = try await peer.perform([
          "mode": "associate", "server": "198.51.100.1:1080", "target": .text("10.77.0.1:\(port)"), "patience": 0.5,
        ])
        #expect(associated["ok"] == false, "\(associated)")
      }
    }

    private static func run(
      _ configuration: GatewayConfiguration, _ body: (TwoHosts, Int, PeerClient) async throws -> Void
    ) async throws {
      // There is no KDC where the client will be.
      let interop = try await InteropRealm.ready()
      try await interop.realm.run(["kvno", "-q", "socks/localhost"], environment: ["KRB5CCNAME": interop.cache])
      try await TwoHosts.run { hosts in
        let origin = hosts.router + Programs.peer("origin.py") + ["datagrams", "--host", "::"]
        try await ListeningChild.run(origin) { origin in
          try await Gateway.run(configuration, through: hosts.gateway) { _ in
            try await PeerClient.run(prefix: hosts.client) { peer in
              try await body(hosts, origin.port, peer)
            }
          }
        }
      }
    }
  }
}
