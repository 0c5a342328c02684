import Subprocess
import Testing

extension HeimdalTests {
  /// `garter` with a server on Heimdal's library.
  @Suite struct HeimdalServerTests {
    @Test(.timeLimit(.minutes(2)), arguments: Protection.all)
    func aMebibyte(protection: Protection) async throws {
      let interop = try await InteropRealm.ready()
      let environment = interop.environment.merging(["KRB5_KTNAME": "FILE:\(interop.keytab)"]) { $1 }
      try await HeimdalPeers.runServer(sealing: protection.word, environment: environment) { server in
        try await Folder.lend { folder in
          try await Self.expectEcho(folder, server: server.address, level: protection.level, environment: environment)
        }
        protection.expect(try await server.report())
      }
    }

    @Test(.timeLimit(.minutes(2)), arguments: Protection.all)
    func datagrams(protection: Protection) async throws {
      let interop = try await InteropRealm.ready()
      let environment = interop.environment.merging(["KRB5_KTNAME": "FILE:\(interop.keytab)"]) { $1 }
      try await HeimdalPeers.runServer(sealing: protection.word, environment: environment) { server in
        try await ListeningChild.origin("datagrams") { origin in
          let options = ["--level", "\(protection.level)", "--listen", "127.0.0.1:0"]
          let garter = try await GarterUDP.start(
            gateway: server.address, target: "127.0.0.1", port: origin.port, options)
          let port = String(garter.address.drop { $0 != ":" }.dropFirst())
          let ending = try await Script(
            text: #"exec /usr/bin/python3 -c "$@""#, arguments: [Self.hundredDatagrams, port]
          ).run()
          let account = await garter.child.account
          #expect(ending.text == "100", "\(ending) \(account)")
          garter.child.signal(.terminate)
          #expect(try await garter.child.ended(within: .seconds(20)) == .exited(0))
        }
        protection.expect(try await server.report())
      }
    }

    /// Both ends are ours, and Heimdal's KDC makes keys and tickets; then its server, too.
    @Test(.timeLimit(.minutes(2))) func withTicketsOfHeimdal() async throws {
      try await OwnRealm.lend(implementation: try HeimdalPeers.centre()) { own in
        let ticket = try await own.ticket().merging(["KRB5_KTNAME": "FILE:\(own.keytab)"]) { $1 }
        try await Folder.lend { folder in
          try await own.runGateway(GatewayConfiguration(rules: rules)) { gateway in
            for level in 1...3 {
              try await Self.expectEcho(folder, server: gateway.address, level: level, environment: ticket)
            }
            let records = try await gateway.sessions(3)
            #expect(records.allSatisfy { $0.reason == "completed" }, "\(records)")
            #expect(
              records.allSatisfy { $0.metadata["service"] == "socks/localhost@GARTER.TEST" }, "\(records)")
          }
          try await HeimdalPeers.runServer(sealing: "seal", environment: ticket) { server in
            try await Self.expectEcho(folder, server: server.address, level: 2, environment: ticket)
            Protection(level: 2).expect(try await server.report())
          }
        }
      }
    }

    /// `garter connect` to a target that echoes; the bytes that come back are those of a file.
    private static func expectEcho(
      _ folder: Folder, server: String, level: Int, environment: [String: String?]
    ) async throws {
      let sum = try await folder.makeRandom("sent", octets: 1 << 20)
      try await ListeningChild.origin("echo") { origin in
        var connect = GarterConnect(gateway: server, port: origin.port, options: ["--level", "\(level)"])
        connect.environment = environment
        connect.script = #""$@" <"$folder/sent" >"$folder/got""#
        connect.environment["folder"] = folder.path
        let ending = try await connect.run()
        #expect(ending.status == .exited(0), "\(ending)")
        #expect(try await folder.sha256("got") == sum)
      }
    }

    /// Each is echoed before the next is sent.
    private static let hundredDatagrams = """
      import os, socket, sys
      local = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      local.settimeout(10)
      local.connect(("127.0.0.1", int(sys.argv[1])))
      good = 0
      for size in range(0, 1400, 14):
          sent = os.urandom(size)
          local.send(sent)
          good += local.recv(65536) == sent
      print(good, end="")
      """
  }
}
