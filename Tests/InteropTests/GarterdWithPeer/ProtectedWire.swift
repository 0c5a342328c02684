import Subprocess
import Testing
import ThrowawayRealm

extension GarterdWithPeer {
  /// What somebody on the way sees.
  @Suite struct ProtectedWire {
    /// Relayed both ways, in each session.
    static let canary = Array("m1:aaaaaaaaaaaaaaaaaaaaa".utf8)

    @Test(arguments: [1, 2, 3])
    func nothingGoesUnwrapped(level: Int) async throws {
      let jobs: [[String: JSONValue]] = [
        ["scenario": "none", "level": .integer(level), "sealing": "always"],
        ["mode": "transfer", "level": .integer(level), "up": 300_000, "down": 300_000],
        ["mode": "transfer", "level": .integer(level), "target": "127.0.0.1:1"],
        ["scenario": "flipped", "level": .integer(level), "position": "middle", "sealing": "always"],
        ["scenario": "clear-data", "level": .integer(level), "position": "last", "sealing": "always"],
      ]
      try await Gateway.run { gateway in
        try await WireTap.run(to: gateway.address, canary: Self.canary) { tap in
          try await PeerClient.run { peer in
            for var job in jobs {
              job["server"] = .text(tap.address)
              let result = try await peer.perform(job)
              let report = try await tap.nextSession()
              #expect(result["error"] == nil && result["violation"] == nil, "\(result)")
              #expect(report["agreed"] == true, "\(report)")
              // The client's own sin, in one of the sessions, goes up.
              #expect(report["down"]?["unwrapped"] == 0, "\(report)")
              if job["scenario"] != "clear-data" { #expect(report["unwrapped_after_agreement"] == 0, "\(report)") }
              // What is sent as it is shows at level 1 only: the search finds what is there.
              let canaries = report["up"]?["canaries"]?.integer ?? -1
              #expect(level == 1 && job["scenario"] != nil ? canaries > 0 : canaries == 0, "\(job) \(report)")
              if level == 2 { #expect(report["down"]?["signed"] == 0, "\(report)") }
            }
          }
        }
      }
    }

    /// `garter connect` through the tap, to a target that sends back what it gets.
    @Test(arguments: ["integrity", "confidentiality", "selective"])
    func nothingOfGarterGoesUnwrapped(level: String) async throws {
      let interop = try await InteropRealm.ready()
      let garter = try Programs.garter()
      let secret = "m1:the words of garter's own user"
      try await Gateway.run { gateway in
        try await WireTap.run(to: gateway.address, canary: Array(secret.utf8)) { tap in
          let origin = try await Child.start(Programs.peer("origin.py") + ["echo", "--once"])
          let line = try await origin.output.next(within: .seconds(20))
          let port = try #require(try line.map(JSONValue.init(parsing:))?["listening"]?.integer)
          let gatewayName = tap.address.replacing("127.0.0.1", with: "localhost")
          let child = try await Child.start(
            [garter, "connect", "--gateway", gatewayName, "--level", level, "127.0.0.1", "\(port)"],
            environment: interop.environment)
          child.send(secret)
          child.endInput()
          #expect(try await child.output.next(within: .seconds(20)) == secret)
          let status = try await child.ended(within: .seconds(20))
          let account = await child.account
          #expect(status == .exited(0), "\(account)")
          try await origin.ended(within: .seconds(20))
          let report = try await tap.nextSession()
          #expect(report["agreed"] == true && report["unwrapped_after_agreement"] == 0, "\(report)")
          for direction in ["up", "down"] {
            let canaries = report[direction]?["canaries"]?.integer ?? -1
            #expect(level == "integrity" ? canaries > 0 : canaries == 0, "\(report)")
            #expect(level == "integrity" || report[direction]?["signed"] == 0, "\(report)")
          }
        }
      }
    }
  }
}
