import FoundationEssentials
import Platform
import Subprocess
import Testing
import ThrowawayRealm

extension ProgramTests {
  /// `garter udp`, and BIND and UDP ASSOCIATE of `garter bridge`, with programs of others at both ends.
  @Suite struct DatagramProgramTests {
    /// A server of names that knows one, on a free port: `dnsmasq`.
    private func withNames<Result>(_ body: (_ port: Int) async throws -> Result) async throws -> Result {
      let port = try await FreePort.find()
      let child = try await Child.start([
        "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--no-daemon", "--conf-file=/dev/null",
        "--listen-address=127.0.0.1", "--listen-address=::1", "--bind-interfaces", "--port=\(port)",
        "--address=/www.garter.test/192.0.2.7", "--pid-file=",
      ])
      do {
        let started = try await child.diagnostics.first(within: .seconds(20)) { $0.contains("started") }
        let account = await child.account
        #expect(started != nil, "\(account)")
        let result = try await body(port)
        await child.abandon()
        return result
      } catch {
        await child.abandon()
        throw error
      }
    }

    private static let rules = [
      #"{allow: [connect, bind, associate], principals: ["alice@GARTER.TEST"], to: [127.0.0.0/8, "::1", localhost]}"#
    ]

    private func withGateway(_ body: (Gateway) async throws -> Void) async throws {
      var configuration = GatewayConfiguration()
      configuration.rules = Self.rules
      try await Gateway.run(configuration) { try await body($0) }
    }

    @Test(.timeLimit(.minutes(2)), arguments: [1, 2, 3])
    func digAsksThroughALocalPort(level: Int) async throws {
      try await self.withNames { names in
        try await self.withGateway { gateway in
          let options = ["--level", "\(level)", "--listen", "127.0.0.1:0"]
          let child = try await GarterUDP.start(gateway: gateway.address, target: "127.0.0.1", port: names, options)
          let port = child.address.drop { $0 != ":" }.dropFirst()
          for _ in 0..<3 {
            let dig = "exec dig @127.0.0.1 -p \(port) +short +tries=1 +time=10 www.garter.test"
            let ending = try await Script(text: dig).run()
            let account = await child.child.account
            #expect(ending.text.trimming == "192.0.2.7", "\(ending) \(account)")
          }
          child.child.signal(.terminate)
          #expect(try await child.child.ended(within: .seconds(20)) == .exited(0))
        }
      }
    }

    /// Another user's process that sends from a new socket every millisecond: each of twenty new senders of the owner's is
    /// answered all the same.
    @Test(.timeLimit(.minutes(1)), .enabled(if: currentUserID() == 0, "another user needs root"))
    func anotherUserSilencesNobody() async throws {
      try await self.withNames { names in
        try await self.withGateway { gateway in
          let child = try await GarterUDP.start(
            gateway: gateway.address, target: "127.0.0.1", port: names, ["--listen", "127.0.0.1:0"])
          let port = child.address.drop { $0 != ":" }.dropFirst()
          let ending = try await Script(
            text: #"exec /usr/bin/python3 -c "$@""#, arguments: [Self.flood, String(port)]
          ).run()
          let account = await child.child.account
          #expect(ending.text.trimming == "20", "\(ending) \(account)")
          await child.child.abandon()
        }
      }
    }

    private static let flood = """
      import os, signal, socket, sys, time
      place = ("127.0.0.1", int(sys.argv[1]))
      query = b"\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\3www\\6garter\\4test\\0\\0\\1\\0\\1"
      other = os.fork()
      if other == 0:
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
        kept = []
        while True:
          s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
          s.sendto(query, place)
          kept = kept[-200:] + [s]
          time.sleep(0.001)
      time.sleep(0.2)
      answered = 0
      for number in range(20):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(2)
        s.sendto(query, place)
        try:
          answered += b"\\xc0\\0\\2\\7" in s.recv(2000)
        except TimeoutError:
          pass
      os.kill(other, signal.SIGKILL)
      print(answered)
      """

    @Test(.timeLimit(.minutes(1))) func digAsksOverIPv6() async throws {
      try await self.withNames { names in
        try await self.withGateway { gateway in
          let child = try await GarterUDP.start(
            gateway: gateway.address, target: "::1", port: names, ["--listen", "[::1]:0"])
          let port = child.address.split(separator: ":").last ?? ""
          let ending = try await Script(text: "exec dig @::1 -p \(port) +short +tries=1 +time=10 www.garter.test").run()
          let account = await child.child.account
          #expect(child.address.hasPrefix("[::1]:") && ending.text.trimming == "192.0.2.7", "\(ending) \(account)")
          await child.child.abandon()
        }
      }
    }

    /// A query as octets from standard input, the answer as octets on standard output.
    @Test(.timeLimit(.minutes(1))) func aQueryFromStandardInput() async throws {
      try await self.withNames { names in
        try await self.withGateway { gateway in
          let query =
            #"printf '\022\064\001\000\000\001\000\000\000\000\000\000\003www\006garter\004test\000\000\001\000\001'"#
          let ending = try await GarterUDP.script(
            #"\#(query) | "$@" | od -An -tu1 | tr -s ' \n' ' '"#, gateway: gateway.address, target: "localhost",
            port: names,
            ["--wait", "2"])
          #expect(ending.text.hasPrefix(" 18 52 "), "\(ending)")
          #expect(ending.text.contains(" 192 0 2 7"), "\(ending)")
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func refusalsHaveTheirStatus() async throws {
      // The gateway's default here allows nothing but CONNECT.
      try await Gateway.run { gateway in
        let ending = try await GarterUDP.script(
          #""$@" </dev/null"#, gateway: gateway.address, target: "127.0.0.1", port: 9, [])
        #expect(ending.status == .exited(77), "\(ending)")
        #expect(ending.diagnostics.contains("cannot relay datagrams: the gateway's rules do not allow it"), "\(ending)")
      }
      let absent = try await GarterUDP.script(
        #""$@" </dev/null"#, gateway: "127.0.0.1:1", target: "127.0.0.1", port: 9, [])
      #expect(absent.status == .exited(69), "\(absent)")
      let open = try await GarterUDP.script(
        #""$@" </dev/null"#, gateway: "127.0.0.1:1", target: "127.0.0.1", port: 9, ["--listen", "0.0.0.0:0"])
      #expect(open.status == .exited(64) && open.diagnostics.contains("loopback addresses only"), "\(open)")
    }

    /// PySocks knows UDP ASSOCIATE; it has never heard of RFC 1961. What another user's process sends to the bridge's
    /// socket is answered by nobody.
    @Test(.timeLimit(.minutes(1)), .enabled(if: currentUserID() == 0, "another user needs root"))
    func pySocksThroughTheBridge() async throws {
      try await self.withNames { names in
        try await self.withGateway { gateway in
          try await GarterBridge.run(gateway: gateway.address) { bridge in
            let ending = try await Script(
              text: #"exec /usr/bin/python3 -c "$@""#, arguments: [Self.pySocks, bridge.address, "\(names)"]
            ).run()
            let account = await bridge.child.account
            #expect(ending.text.trimming == "silence answer", "\(ending) \(account)")
          }
        }
      }
    }

    private static let pySocks = """
      import os, socket, socks, sys
      host, port = sys.argv[1].split(":")
      query = b"\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\3www\\6garter\\4test\\0\\0\\1\\0\\1"
      s = socks.socksocket(socket.AF_INET, socket.SOCK_DGRAM)
      s.set_proxy(socks.SOCKS5, host, int(port))
      s.settimeout(10)
      s.bind(("127.0.0.1", 0))
      relay = socket.socket.getpeername(s)
      child = os.fork()
      if child == 0:
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other.settimeout(0.5)
        other.sendto(b"\\0\\0\\0\\1\\x7f\\0\\0\\1" + int(sys.argv[2]).to_bytes(2, "big") + query, relay)
        try:
          other.recv(2000)
          os._exit(1)
        except TimeoutError:
          os._exit(0)
      print("silence" if os.waitpid(child, 0)[1] == 0 else "heard", end=" ")
      s.sendto(query, ("127.0.0.1", int(sys.argv[2])))
      print("answer" if b"\\xc0\\0\\2\\7" in s.recvfrom(2000)[0] else "nonsense")
      """

    /// PySocks cannot do that: a program that needs no library for it.
    @Test(.timeLimit(.minutes(1))) func datagramsThroughTheBridgeOverIPv6() async throws {
      try await self.withNames { names in
        try await self.withGateway { gateway in
          try await GarterBridge.run(gateway: gateway.address, options: ["--listen", "[::1]:0"]) { bridge in
            let port = bridge.address.split(separator: ":").last ?? ""
            let ending = try await Script(
              text: #"exec /usr/bin/python3 -c "$@""#, arguments: [Self.overIPv6, "\(port)", "\(names)"]
            ).run()
            let account = await bridge.child.account
            #expect(bridge.address.hasPrefix("[::1]:") && ending.text.trimming == "answer", "\(ending) \(account)")
          }
        }
      }
    }

    private static let overIPv6 = """
      import socket, sys
      bridge, names = int(sys.argv[1]), int(sys.argv[2])
      query = b"\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\3www\\6garter\\4test\\0\\0\\1\\0\\1"
      local = socket.inet_pton(socket.AF_INET6, "::1")
      s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
      s.settimeout(10)
      s.bind(("::1", 0))
      control = socket.create_connection(("::1", bridge), 10)
      control.sendall(b"\\5\\1\\0\\5\\3\\0\\4" + local + s.getsockname()[1].to_bytes(2, "big"))
      reply = control.makefile("rb").read(24)
      assert reply[:6] == b"\\5\\0\\5\\0\\0\\4" and reply[6:22] == local, reply
      header = b"\\0\\0\\0\\4" + local + names.to_bytes(2, "big")
      s.sendto(header + query, ("::1", int.from_bytes(reply[22:], "big")))
      answer = s.recv(2000)
      print("answer" if answer.startswith(header) and b"\\xc0\\0\\2\\7" in answer else "nonsense")
      """

    /// What active FTP does: the program learns where the gateway listens, and the peer connects there.
    @Test(.timeLimit(.minutes(1))) func aPeerConnectsToABoundPort() async throws {
      try await self.withGateway { gateway in
        try await GarterBridge.run(gateway: gateway.address) { bridge in
          let ending = try await Script(
            text: #"exec /usr/bin/python3 -c "$@""#, arguments: [Self.binder, bridge.address]
          ).run()
          let account = await bridge.child.account
          #expect(ending.text.trimming == "hello world", "\(ending) \(account)")
        }
      }
    }

    private static let binder = """
      import socket, struct, sys
      host, port = sys.argv[1].split(":")
      s = socket.create_connection((host, int(port)), 10)
      def read(count):
        octets = b""
        while len(octets) < count:
          more = s.recv(count - len(octets))
          assert more, octets
          octets += more
        return octets
      s.sendall(b"\\5\\1\\0" + b"\\5\\2\\0\\1\\x7f\\0\\0\\1\\0\\0")
      assert read(2) == b"\\5\\0"
      first = read(10)
      assert first[:4] == b"\\5\\0\\0\\1", first
      peer = socket.create_connection((socket.inet_ntoa(first[4:8]), struct.unpack(">H", first[8:])[0]), 10)
      second = read(10)
      assert second[:4] == b"\\5\\0\\0\\1", second
      assert struct.unpack(">H", second[8:])[0] == peer.getsockname()[1], second
      peer.sendall(b"hello "); s.sendall(b"world")
      sys.stdout.write((read(6) + peer.recv(5)).decode())
      """

    /// Every shot of the independent server's at the client's datagrams: nothing but the good answers comes out.
    @Test(.timeLimit(.minutes(3))) func hostileDatagramsAreDropped() async throws {
      let interop = try await InteropRealm.ready()
      let list = try await Script(
        text: #"exec "$@""#, arguments: Programs.peer("peer_server.py") + ["--list", "associate"]
      ).succeed()
      let faults = try JSONValue(parsing: list.text).list?.compactMap(\.text).filter { $0.hasSuffix("@datagram") } ?? []
      #expect(faults.count > 10)
      let command = ["--keytab", interop.keytab, "--rcache", "none:", "--control"]
      try await ListeningChild.run(Programs.peer("peer_server.py") + command) { server in
        try await self.withNames { names in
          for fault in faults {
            _ = try await server.control(["fault": .text(fault)])
            let child = try await GarterUDP.start(
              gateway: server.address, target: "127.0.0.1", port: names, ["--listen", "127.0.0.1:0"])
            let port = child.address.drop { $0 != ":" }.dropFirst()
            let dig = "exec dig @127.0.0.1 -p \(port) +short +tries=1 +time=10 www.garter.test"
            let ending = try await Script(text: dig).run()
            let account = await child.child.account
            #expect(ending.text.trimming == "192.0.2.7", "\(fault): \(ending) \(account)")
            child.child.signal(.terminate)
            #expect(try await child.child.ended(within: .seconds(20)) == .exited(0))
            // RFC 1961 section 3.2: no SEQUENCE flag for a UDP client.
            let report = try await server.report()
            let flags = report["flags"]?.list?.compactMap(\.text) ?? []
            #expect(flags.contains("replay") && !flags.contains("sequence"), "\(report)")
          }
        }
      }
    }
  }
}

/// `garter udp`, for the user of ``InteropRealm``.
enum GarterUDP {
  private static func command(_ gateway: String, _ target: String, _ port: Int, _ options: [String]) throws -> [String]
  {
    let place = "localhost:\(gateway.drop { $0 != ":" }.dropFirst())"
    return [try Programs.garter(), "udp", "--gateway", place] + Programs.engineOptions + options + [target, "\(port)"]
  }

  /// - Parameter options: with `--listen`.
  static func start(gateway: String, target: String, port: Int, _ options: [String]) async throws -> GarterBridge {
    let interop = try await InteropRealm.ready()
    let child = try await Child.start(
      try self.command(gateway, target, port, ["--verbose"] + options), environment: interop.environment)
    let mark = "garter: listening on "
    let line = try await child.diagnostics.first(within: .seconds(20)) { $0.hasPrefix(mark) }
    guard let address = line?.dropFirst(mark.count).prefix(while: { $0 != " " }) else {
      throw PeerError(account: await child.account)
    }
    return GarterBridge(child: child, address: String(address))
  }

  static func script(
    _ text: String, gateway: String, target: String, port: Int, _ options: [String]
  ) async throws -> Script.Ending {
    let interop = try await InteropRealm.ready()
    return try await Script(
      text: text, arguments: try self.command(gateway, target, port, options), environment: interop.environment
    ).run()
  }
}

extension String {
  /// Without white space at its ends.
  fileprivate var trimming: String {
    String(self.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
  }
}
