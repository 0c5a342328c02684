import FoundationEssentials
import Platform
import Subprocess
import Testing
import ThrowawayRealm

extension ProgramTests {
  /// `garter bridge` as a program: who may use it, whose ticket it takes, how it stops.
  @Suite struct BridgeProgramTests {
    @Test(.timeLimit(.minutes(1)), .enabled(if: currentUserID() == 0, "another user needs root"))
    func anotherUsersProcessIsRefused() async throws {
      try await Folder.lend { folder in
        try folder.write("page", to: "page")
        try await WebServer.run(folder) { web in
          try await Gateway.run { gateway in
            try await GarterBridge.run(gateway: gateway.address) { bridge in
              let curl = [
                "curl", "--silent", "--show-error", "--proxy", "socks5h://\(bridge.address)", "http://\(web)/page",
              ]
              let nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]
              let refused = try await Script(text: #"exec "$@""#, arguments: nobody + curl).run()
              #expect(refused.status != .exited(0) && refused.output.isEmpty, "\(refused)")
              try await bridge.child.diagnostics.wait(within: .seconds(10)) { lines in
                lines.contains { $0.contains("reason=other-user") && $0.contains("uid=65534") }
              }
              #expect(await gateway.sessions.isEmpty)
              let own = try await Script(text: #"exec "$@""#, arguments: curl).run()
              #expect(own.text == "page", "\(own)")
            }
          }
        }
      }
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["0.0.0.0:0", "[::]:0", "192.0.2.1:1080", "example.com:1080"])
    func listensOnLoopbackOnly(address: String) async throws {
      let ending = try await self.bridge(listen: address)
      #expect(ending.status == .exited(64), "\(ending)")
      #expect(ending.diagnostics.contains("loopback addresses only"), "\(ending)")
    }

    @Test(.timeLimit(.minutes(1))) func aPortThatIsTaken() async throws {
      try await GarterBridge.run(gateway: "127.0.0.1:1") { bridge in
        let ending = try await self.bridge(listen: bridge.address)
        #expect(ending.status == .exited(69), "\(ending)")
        #expect(ending.diagnostics.hasPrefix("garter: cannot listen on \(bridge.address)"), "\(ending)")
      }
    }

    private func bridge(listen: String) async throws -> Script.Ending {
      let command = [try Programs.garter(), "bridge", "--gateway", "localhost:1", "--listen", listen]
      return try await Script(text: #"exec "$@""#, arguments: command, seconds: 20).run()
    }

    @Test(.timeLimit(.minutes(1))) func aTicketThatComesLaterIsUsed() async throws {
      let interop = try await InteropRealm.ready()
      let cache = "FILE:\(interop.realm.folder)/later-\(UUID().uuidString).ccache"
      try await Folder.lend { folder in
        try folder.write("page", to: "page")
        try await WebServer.run(folder) { web in
          try await Gateway.run { gateway in
            try await GarterBridge.run(gateway: gateway.address, environment: ["KRB5CCNAME": cache]) { bridge in
              let without = try await bridge.curl("http://\(web)/page")
              #expect(without.status == .exited(97), "\(without)")
              try await bridge.child.diagnostics.wait(within: .seconds(10)) { lines in
                lines.contains { $0.contains("no Kerberos ticket: run kinit") }
              }
              try await interop.realm.obtainTicket(for: InteropRealm.user, keytab: interop.userKeytab, cache: cache)
              let with = try await bridge.curl("http://\(web)/page")
              #expect(with.text == "page", "\(with)")
            }
          }
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func theStopWaitsForConnections() async throws {
      try await ListeningChild.origin("echo") { origin in
        try await Gateway.run { gateway in
          let bridge = try await GarterBridge.start(gateway: gateway.address, options: ["--verbose", "--drain", "30"])
          let client = try await LocalClient.start(bridge, port: origin.port)
          try await client.echoes("before")
          bridge.child.signal(.terminate)
          try await expectRefused(bridge.address)
          try await client.echoes("after")
          client.child.endInput()
          #expect(try await client.child.ended(within: .seconds(10)) == .exited(0))
          #expect(try await bridge.child.ended(within: .seconds(10)) == .exited(0))
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func theStopWaitsNoLongerThanItsLimit() async throws {
      try await ListeningChild.origin("echo") { origin in
        try await Gateway.run { gateway in
          let bridge = try await GarterBridge.start(gateway: gateway.address, options: ["--drain", "1"])
          let client = try await LocalClient.start(bridge, port: origin.port)
          try await client.echoes("before")
          let start = ContinuousClock.now
          bridge.child.signal(.terminate)
          #expect(try await bridge.child.ended(within: .seconds(20)) == .exited(0))
          #expect((.milliseconds(900)...(.seconds(3))).contains(ContinuousClock.now - start))
          await client.child.abandon()
        }
      }
    }
  }
}

/// A program that speaks SOCKS5 to a bridge, and copies its own streams: a connection that stays.
struct LocalClient: Sendable {
  let child: Child

  private static let program = """
    import socket, sys, threading
    bridge, port = sys.argv[1].rsplit(":", 1), int(sys.argv[2])
    sock = socket.create_connection((bridge[0], int(bridge[1])))
    sock.sendall(bytes([5, 1, 0]))
    assert sock.recv(2) == bytes([5, 0])
    sock.sendall(bytes([5, 1, 0, 1, 127, 0, 0, 1]) + port.to_bytes(2, "big"))
    assert sock.recv(10)[1] == 0
    def up():
        for line in sys.stdin:
            sock.sendall(line.encode())
        sock.shutdown(socket.SHUT_WR)
    threading.Thread(target=up, daemon=True).start()
    while octets := sock.recv(65536):
        sys.stdout.write(octets.decode())
        sys.stdout.flush()
    """

  static func start(_ bridge: GarterBridge, port: Int) async throws -> LocalClient {
    LocalClient(child: try await Child.start(["/usr/bin/python3", "-c", Self.program, bridge.address, "\(port)"]))
  }

  func echoes(_ word: String) async throws {
    try await expectEcho(word, self.child)
  }
}

/// What is written to a program that is connected to an echo comes back.
func expectEcho(_ word: String, _ child: Child, sourceLocation: SourceLocation = #_sourceLocation) async throws {
  child.send(word)
  let answer = try await child.output.next(within: .seconds(20))
  let account = await child.account
  #expect(answer == word, "\(account)", sourceLocation: sourceLocation)
}

/// Nothing listens there any more, at the latest after a while.
func expectRefused(_ address: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
  let program = """
    import socket, sys, time
    host, port = sys.argv[1].rsplit(":", 1)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection((host, int(port))).close()
        except ConnectionRefusedError:
            sys.exit(0)
        time.sleep(0.05)
    sys.exit(1)
    """
  let ending = try await Script(text: #"exec /usr/bin/python3 -c "$@""#, arguments: [program, address]).run()
  #expect(ending.status == .exited(0), "\(ending)", sourceLocation: sourceLocation)
}
