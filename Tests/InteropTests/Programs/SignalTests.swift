import FoundationEssentials
import Subprocess
import Testing
import ThrowawayRealm

extension ProgramTests {
  /// What signals do to services, and with what streams they may be started.
  @Suite struct SignalTests {
    @Test(.timeLimit(.minutes(1))) func hangUpNeverEndsAGateway() async throws {
      try await ListeningChild.origin("echo") { origin in
        try await Gateway.run { gateway in
          let session = try await self.session(gateway, origin)
          try await expectEcho("one", session)
          for _ in 0..<3 {
            gateway.child.signal(.terminalClosed)
            let line = try await gateway.child.diagnostics.first(within: .seconds(20)) {
              LogLine($0).message.contains("nothing was reloaded")
            }
            #expect(line != nil)
            try await expectEcho("two", session)
          }
          session.endInput()
          #expect(try await session.ended(within: .seconds(20)) == .exited(0))
        }
      }
    }

    /// From the moment on in which the program has a handler: before that, the loader runs, not the program.
    @Test(.timeLimit(.minutes(1)), arguments: ["garterd", "garter"]) func signalsDuringTheStart(program: String)
      async throws
    {
      let interop = try await InteropRealm.ready()
      try await Folder.lend { folder in
        let configuration = GatewayConfiguration().text(keytab: interop.keytab, replayCache: folder.file("replay"))
        try folder.write(configuration, to: "garterd.yaml")
        let command =
          program == "garterd"
          ? [try Programs.garterd(), "run", "--config", folder.file("garterd.yaml")]
          : [try Programs.garter(), "bridge", "--gateway", "localhost:1", "--listen", "127.0.0.1:0"]
        let script = """
          for i in 1 2 3 4 5; do
            "$@" 2>/dev/null & pid=$!
            while case $(sed -n 's/^SigCgt:.*\\(.\\)$/\\1/p' /proc/$pid/status) in 1|3|5|7|9|b|d|f) false ;; esac; do :; done
            kill -HUP $pid; kill -TERM $pid
            wait $pid || exit $?
          done
          """
        let ending = try await Script(text: script, arguments: command, environment: interop.environment).run()
        #expect(ending.status == .exited(0), "\(ending)")
      }
    }

    @Test(.timeLimit(.minutes(1))) func aBridgeWhoseTerminalClosesStopsInOrder() async throws {
      try await ListeningChild.origin("echo") { origin in
        try await Gateway.run { gateway in
          let bridge = try await GarterBridge.start(gateway: gateway.address, options: ["--verbose", "--drain", "1"])
          let program = try await self.program(through: bridge, origin)
          try await expectEcho("one", program)
          bridge.child.signal(.terminalClosed)
          bridge.child.signal(.terminalClosed)
          try await expectRefused(bridge.address)
          try await expectEcho("two", program)
          #expect(try await bridge.child.ended(within: .seconds(20)) == .exited(0))
          #expect(
            await bridge.child.diagnostics.all.contains {
              LogLine($0).message.hasPrefix("session ") && LogLine($0).metadata["bytes_up"] != nil
            })
          await program.abandon()
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func datagramForwardsStopWithTheirTerminal() async throws {
      let interop = try await InteropRealm.ready()
      let child = try await Child.start(
        [try Programs.garter(), "udp", "--gateway", "localhost:1", "--listen", "127.0.0.1:0", "192.0.2.1", "9"],
        environment: interop.environment)
      #expect(try await child.diagnostics.next(within: .seconds(20))?.hasPrefix("garter: listening on ") == true)
      child.signal(.terminalClosed)
      #expect(try await child.ended(within: .seconds(20)) == .exited(0))
    }

    /// Signals of one kind that arrive together are one: the second is sent when the first has been obeyed.
    @Test(.timeLimit(.minutes(1))) func underNohupHangUpIsIgnored() async throws {
      let interop = try await InteropRealm.ready()
      let child = try await Child.start(
        ["nohup", try Programs.garter(), "bridge", "--gateway", "localhost:1", "--listen", "127.0.0.1:0"],
        environment: interop.environment)
      _ = try await child.diagnostics.first(within: .seconds(20)) { $0.hasPrefix("garter: listening on ") }
      let status = try await Script(text: "grep SigIgn /proc/\(child.processIdentifier)/status").succeed().text
      #expect("13579bdf".contains(status.dropLast().last ?? "?"), "\(status)")
      child.signal(.terminalClosed)
      child.signal(.terminate)
      #expect(try await child.ended(within: .seconds(20)) == .exited(0))
    }

    @Test(.timeLimit(.minutes(1)), arguments: [Signal.terminate, .interrupt])
    func aSecondSignalEndsTheDrain(second: Signal) async throws {
      try await ListeningChild.origin("echo") { origin in
        let gateway = try await Gateway.start(GatewayConfiguration(timeouts: ["drain: 50s"]))
        let session = try await self.session(gateway, origin)
        try await expectEcho("one", session)
        gateway.child.signal(.terminate)
        try await expectRefused(gateway.address)
        try await expectEcho("two", session)
        let start = ContinuousClock.now
        gateway.child.signal(second)
        #expect(try await gateway.child.ended(within: .seconds(20)) == .exited(0))
        #expect(ContinuousClock.now - start < .seconds(3))
        #expect(try await session.ended(within: .seconds(20)) == .exited(74))
        #expect(try await gateway.sessions(1).first?.metadata["principal"] == "alice@GARTER.TEST")
      }
    }

    @Test(.timeLimit(.minutes(1))) func aSecondSignalEndsTheBridgesDrain() async throws {
      try await ListeningChild.origin("echo") { origin in
        try await Gateway.run { gateway in
          let bridge = try await GarterBridge.start(gateway: gateway.address, options: ["--drain", "50"])
          let program = try await self.program(through: bridge, origin)
          try await expectEcho("one", program)
          bridge.child.signal(.interrupt)
          try await expectRefused(bridge.address)
          let start = ContinuousClock.now
          bridge.child.signal(.interrupt)
          #expect(try await bridge.child.ended(within: .seconds(20)) == .exited(0))
          #expect(ContinuousClock.now - start < .seconds(3))
          await program.abandon()
        }
      }
    }

    // MARK: What hangs

    /// The replay cache is locked by another program: steps of the library wait for it without an end.
    @Test(.timeLimit(.minutes(1))) func theStopDoesNotWaitForAStepThatHangs() async throws {
      try await ListeningChild.origin("echo") { origin in
        let gateway = try await Gateway.start(GatewayConfiguration(timeouts: ["drain: 1s"]))
        let first = try await GarterConnect(gateway: gateway.address, port: origin.port).run()
        #expect(first.status == .exited(0), "\(first)")
        let program = """
          import fcntl, os, sys, time
          file = open(sys.argv[1], "r+b")
          fcntl.lockf(file, fcntl.LOCK_EX)
          print("locked", flush=True)
          inode = ":%d " % os.fstat(file.fileno()).st_ino
          while not any("->" in line and inode in line for line in open("/proc/locks")): time.sleep(0.02)
          print("waited for", flush=True)
          sys.stdin.read()
          """
        let locker = try await Child.start(["/usr/bin/python3", "-c", program, gateway.replayCache])
        #expect(try await locker.output.next(within: .seconds(20)) == "locked")
        let hanging = try await self.session(gateway, origin)
        #expect(try await locker.output.next(within: .seconds(20)) == "waited for")
        let start = ContinuousClock.now
        gateway.child.signal(.terminate)
        #expect(try await gateway.child.ended(within: .seconds(20)) == .exited(0))
        #expect(ContinuousClock.now - start < .seconds(3))
        await hanging.abandon()
        await locker.abandon()
      }
    }

    /// A keytab that does not come: nothing is served yet, so there is nothing to end in order. (A configuration is opened
    /// without waiting.)
    @Test(.timeLimit(.minutes(1))) func aStartThatHangsCanBeStopped() async throws {
      let interop = try await InteropRealm.ready()
      try await Folder.lend { folder in
        let keytab = folder.file("keytab")
        let text = GatewayConfiguration().text(keytab: keytab, replayCache: folder.file("replay"))
        try folder.write(text, to: "garterd.yaml")
        try await Script(text: #"mkfifo "$1""#, arguments: [keytab]).succeed()
        let child = try await Child.start(
          [try Programs.garterd(), "run", "--config", folder.file("garterd.yaml")],
          environment: interop.realm.environment.mapValues { $0 })
        // It waits for the FIFO to be opened for writing, whatever that wait is called.
        try await Script(
          text: #"until grep -qs wait_for_partner /proc/$1/task/*/wchan; do sleep 0.02; done"#,
          arguments: ["\(child.processIdentifier)"], seconds: 20
        ).succeed()
        child.signal(.terminate)
        #expect(try await child.ended(within: .seconds(10)) == .exited(0))
      }
    }

    @Test(.timeLimit(.minutes(1))) func theBridgeStopsAlthoughTheKDCIsSilent() async throws {
      let interop = try await InteropRealm.ready()
      try await Folder.lend { folder in
        let program = """
          import socket, sys
          with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as kdc:
              kdc.bind(("127.0.0.1", 0))
              print(kdc.getsockname()[1], flush=True)
              kdc.recv(1)
              print("asked", flush=True)
              sys.stdin.read()
          """
        let kdc = try await Child.start(["/usr/bin/python3", "-c", program])
        let port = try #require(try await kdc.output.next(within: .seconds(20)))
        try await Script(
          text: #"sed "s/kdc = .*/kdc = 127.0.0.1:$3/" "$1" >"$2""#,
          arguments: [interop.realm.configurationPath, folder.file("krb5.conf"), port]
        ).succeed()
        try await Gateway.run { gateway in
          let bridge = try await GarterBridge.start(
            // Nobody has a ticket for that service in the cache, so that the KDC has to be asked.
            gateway: gateway.address, options: ["--drain", "1", "--service", "unheard-of"],
            environment: ["KRB5_CONFIG": folder.file("krb5.conf")])
          let curl = try await Child.start(["curl", "--proxy", "socks5h://\(bridge.address)", "http://127.0.0.1:9/"])
          #expect(try await kdc.output.next(within: .seconds(20)) == "asked")
          let start = ContinuousClock.now
          bridge.child.signal(.terminate)
          #expect(try await bridge.child.ended(within: .seconds(20)) == .exited(0))
          #expect(ContinuousClock.now - start < .seconds(4))
          await curl.abandon()
        }
        await kdc.abandon()
      }
    }

    // MARK: Streams

    @Test(.timeLimit(.minutes(1)), arguments: ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
    func servicesStartWithClosedStreams(closed: String) async throws {
      let interop = try await InteropRealm.ready()
      try await ListeningChild.origin("echo") { origin in
        try await Folder.lend { folder in
          let (gatewayPort, bridgePort) = (try await FreePort.find(), try await FreePort.find())
          let configuration = GatewayConfiguration(listen: ["127.0.0.1:\(gatewayPort)"])
          try folder.write(
            configuration.text(keytab: interop.keytab, replayCache: folder.file("replay")), to: "garterd.yaml")
          let gateway = try await Child.start(
            ["sh", "-c", #"exec "$@" \#(closed)"#, "sh", try Programs.garterd(), "run", "--config"]
              + [folder.file("garterd.yaml")], environment: interop.realm.environment.mapValues { $0 })
          let bridge = try await Child.start(
            ["sh", "-c", #"exec "$@" \#(closed)"#, "sh", try Programs.garter(), "bridge", "--listen"]
              + ["127.0.0.1:\(bridgePort)", "--gateway", "localhost:\(gatewayPort)"], environment: interop.environment)
          // Both serve.
          let program = """
            import socket, struct, sys, time
            def attempt():
                with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5) as s:
                    s.settimeout(5)
                    s.sendall(b"\\5\\1\\0" + b"\\5\\1\\0\\1\\x7f\\0\\0\\1" + struct.pack(">H", int(sys.argv[2])))
                    got = b""
                    while len(got) < 12:
                        more = s.recv(12 - len(got))
                        if not more: return False
                        got += more
                    s.sendall(b"hello")
                    return got[3] == 0 and s.recv(5) == b"hello"
            end = time.monotonic() + 30
            while time.monotonic() < end:
                try:
                    if attempt(): sys.exit(0)
                except OSError: pass
                time.sleep(0.05)
            sys.exit(1)
            """
          let served = try await Script(
            text: #"exec /usr/bin/python3 -c "$@""#, arguments: [program, "\(bridgePort)", "\(origin.port)"]
          ).run()
          #expect(served.status == .exited(0), "\(served)")
          for child in [gateway, bridge] {
            let streams = try await Script(
              text: #"for n in 0 1 2; do readlink /proc/$1/fd/$n; done"#, arguments: ["\(child.processIdentifier)"]
            ).succeed()
            #expect(!streams.text.contains("socket:") && streams.complaints.isEmpty, "\(streams)")
            child.signal(.terminate)
            #expect(try await child.ended(within: .seconds(30)) == .exited(0))
          }
        }
      }
    }

    // MARK: -

    /// `garter connect` that stays.
    private func session(_ gateway: Gateway, _ origin: ListeningChild) async throws -> Child {
      let interop = try await InteropRealm.ready()
      let port = gateway.address.drop { $0 != ":" }.dropFirst()
      return try await Child.start(
        [try Programs.garter(), "connect", "--gateway", "localhost:\(port)", "127.0.0.1", "\(origin.port)"],
        environment: interop.environment)
    }

    /// A program that stays, through a bridge.
    private func program(through bridge: GarterBridge, _ origin: ListeningChild) async throws -> Child {
      try await Child.start(
        ["nc", "-X", "5", "-x", bridge.address, "127.0.0.1", "\(origin.port)"])
    }
  }
}
