import Platform
import Subprocess
import Testing

extension ProgramTests {
  /// Gateways and bridges with few descriptors, or none.
  @Suite(.serialized) struct DescriptorTests {
    private static let rules = [
      #"{allow: [connect, bind, associate], principals: ["alice@GARTER.TEST", "bob@GARTER.TEST"], to: [127.0.0.0/8, "::1"]}"#
    ]
    private static let deadAddresses = (1...16).map { "127.2.0.\($0)" }

    enum Mixture: String, CaseIterable, Sendable {
      case associations, binds, names, authenticated, relays, strangers, everything

      func has(_ part: Mixture) -> Bool { self == part || self == .everything }
    }

    /// With 600 open files, whatever one user's sessions do: another one is served at once, and nothing spins.
    @Test(.timeLimit(.minutes(3)), arguments: Mixture.allCases)
    func logsInWhateverSessionsHold(mixture: Mixture) async throws {
      try await ListeningChild.origin("echo") { origin in
        try await Folder.lend { folder in try await self.logsIn(mixture, folder, origin) }
      }
    }

    private func logsIn(_ mixture: Mixture, _ folder: Folder, _ origin: ListeningChild) async throws {
      let hosts = Self.deadAddresses.map { "\($0) dead.test\n" }.joined() + "127.0.0.1 localhost\n"
      try folder.write(hosts, to: "hosts")
      let configuration = GatewayConfiguration(
        timeouts: ["method: 120s", "request: 120s", "connect: 60s"], rules: Self.rules)
      // A hosts file of its own.
      let through = [
        "unshare", "--mount", "sh", "-c", #"mount --bind "$0" /etc/hosts && exec "$@""#, folder.file("hosts"),
        "prlimit",
        "--nofile=600:600",
      ]
      try await Gateway.run(configuration, through: through) { gateway in
        let server = JSONValue.text(gateway.address)
        let holders = try await Child.start(
          Programs.peer("holders.py"), environment: try await InteropRealm.ready().environment)
        func hold(_ job: [String: JSONValue]) async throws -> JSONValue {
          holders.send(try JSONValue.fields(job.merging(["server": server]) { $1 }).encoded())
          guard let line = try await holders.output.next(within: .seconds(120)) else {
            throw PeerError(account: await holders.account)
          }
          return try JSONValue(parsing: line)
        }
        _ = try await holders.output.next(within: .seconds(20))
        let crowd = try await Crowd.start()
        if mixture.has(.associations) { print(try await hold(["associations": 122])) }
        if mixture.has(.binds) { print(try await hold(["binds": 60])) }
        if mixture.has(.names) {
          let dead = try await hold(["blackhole": .list(Self.deadAddresses.map(JSONValue.text))])
          print(try await hold(["connects": 60, "host": "dead.test", "port": dead["port"] ?? 1]))
          // An address more each quarter of a second.
          try await Task.sleep(for: .seconds(3))
        }
        if mixture == .relays { print(try await hold(["relays": 250, "port": .integer(origin.port)])) }
        // In the mixture of all, what is left.
        if mixture.has(.authenticated) { print(try await hold(["idle": 250])) }
        try await crowd.perform(["strangers": 500, "dripping": 0, "addresses": 3, "to": server])
        let bob = try await InteropRealm.ready().secondCache
        let result = try await PeerClient.run(environment: ["KRB5CCNAME": bob]) { peer in
          func handshakes(_ count: Int) async throws -> JSONValue {
            try await peer.perform([
              "mode": "handshakes", "server": server, "count": .integer(count), "seconds": 10,
              "target": .text("127.0.0.1:\(origin.port)"), "replies": [0],
            ])
          }
          _ = try await handshakes(1)
          return try await handshakes(20)
        }
        #expect(result["ok"] == true, "\(result)")
        #expect((result["p99"].flatMap(Self.milliseconds) ?? .infinity) <= 250, "\(result)")
        // Idle at the limit.
        let process = "\(gateway.child.processIdentifier)"
        // Clients of the part before may still be going: the quietest of three spans counts.
        var used = Duration.seconds(1_000)
        for _ in 0..<3 where used > .milliseconds(40) {
          let before = try ProcessTime.used(by: process)
          try await Task.sleep(for: .seconds(4))
          used = min(used, try ProcessTime.used(by: process) - before)
        }
        #expect(used <= .milliseconds(40), "\(used)")
        print("\(mixture): \(result), \(used) of the processor in 4 s")
        let lines = await gateway.child.diagnostics.all
        #expect(!lines.contains { $0.contains("accepting pauses") })
        // None of them had to go for a stranger.
        let records = lines.map(LogLine.init).filter { $0.message == "session ended" }
        let bobs = records.filter { $0.metadata["principal"] == "bob@GARTER.TEST" }
        #expect(bobs.count >= 21 && bobs.allSatisfy { $0.reason == "completed" }, "\(bobs)")
        await holders.abandon()
        await crowd.child.abandon()
      }
    }

    private static func milliseconds(_ value: JSONValue) -> Double? {
      switch value {
      case .real(let milliseconds): milliseconds
      case .integer(let milliseconds): Double(milliseconds)
      default: nil
      }
    }

    // MARK: None left

    /// The system takes the descriptors of a process away.
    private func withoutDescriptors(_ process: String, _ body: () async throws -> Void) async throws {
      let less = #"n=$(ls /proc/$1/fd | sort -n | tail -n 1); prlimit --pid $1 --nofile=$((n + 1)):"#
      try await Script(text: less, arguments: [process]).succeed()
      let before = try ProcessTime.used(by: process)
      try await body()
      try await Task.sleep(for: .seconds(3))
      let used = try ProcessTime.used(by: process) - before
      #expect(used <= .milliseconds(200), "\(used)")
      try await Script(text: "prlimit --pid $1 --nofile=10000:", arguments: [process]).succeed()
    }

    @Test(.timeLimit(.minutes(1))) func aBindPausesAndGoesOn() async throws {
      try await Gateway.run(GatewayConfiguration(rules: Self.rules)) { gateway in
        let holders = try await Child.start(
          Programs.peer("holders.py"), environment: try await InteropRealm.ready().environment)
        _ = try await holders.output.next(within: .seconds(20))
        holders.send(try JSONValue.fields(["binds": 1, "server": .text(gateway.address)]).encoded())
        let answer = try JSONValue(parsing: try await holders.output.next(within: .seconds(20)) ?? "")
        let port = try #require(answer["ports"]?.list?.first?.integer)
        let crowd = try await Crowd.start()
        try await self.withoutDescriptors("\(gateway.child.processIdentifier)") {
          try await crowd.perform(["open": 1, "to": .text("127.0.0.1:\(port)")])
        }
        // The peer is taken, and nobody listens any more.
        let gone = "for i in $(seq 50); do ss -Hltn sport = :$1 | grep -q . || exit 0; sleep 0.1; done; exit 1"
        try await Script(text: gone, arguments: ["\(port)"]).succeed()
        await holders.abandon()
        await crowd.child.abandon()
        #expect(try await gateway.sessions(1).first?.metadata["peer"]?.hasPrefix("127.0.0.1:") == true)
      }
    }

    @Test(.timeLimit(.minutes(1))) func aBridgePausesAndGoesOn() async throws {
      try await Gateway.run { gateway in
        try await GarterBridge.run(gateway: gateway.address) { bridge in
          let crowd = try await Crowd.start()
          try await crowd.perform(["socks": 1, "to": .text(bridge.address)])
          try await self.withoutDescriptors("\(bridge.child.processIdentifier)") {
            try await crowd.perform(["open": 5, "to": .text(bridge.address)])
          }
          try await crowd.perform(["socks": 1, "to": .text(bridge.address)])
          try await crowd.perform(["pull": 1_000])
          await crowd.child.abandon()
        }
      }
    }

    /// The resolver calls a name that it cannot ask for unknown: the client must not hear that.
    @Test(.timeLimit(.minutes(1))) func aNameThatCannotBeAskedForIsNotUnknown() async throws {
      let rules = [#"{allow: [connect], principals: [unauthenticated], to: ["*"]}"#]
      let program = """
        import socket, sys
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5) as s:
            s.settimeout(20)
            s.sendall(b"\\5\\1\\0")
            assert s.recv(2) == b"\\5\\0"
            print("ready", flush=True)
            sys.stdin.readline()
            s.sendall(b"\\5\\1\\0\\3\\x0cdead.invalid\\0\\x50")
            print(s.recv(4).hex(), flush=True)
        """
      let configuration = GatewayConfiguration(listener: ["methods: [none]"], rules: rules)
      try await Gateway.run(configuration) { gateway in
        let port = String(gateway.address.drop { $0 != ":" }.dropFirst())
        let client = try await Child.start(["/usr/bin/python3", "-c", program, port])
        #expect(try await client.output.next(within: .seconds(20)) == "ready")
        try await self.withoutDescriptors("\(gateway.child.processIdentifier)") {
          client.send("go")
          let answer = try await client.output.next(within: .seconds(20))
          #expect(answer == "05010001")
        }
        let record = try await gateway.sessions(1).first
        #expect(record?.reason == "no-descriptors")
        await client.abandon()
      }
    }

    // MARK: Listeners that the system closes

    private func fault(_ child: Child, at address: String, _ options: [String] = []) async throws -> Child {
      let port = String(address.split(separator: ":").last ?? "")
      let fault = try await Child.start(
        Programs.peer("listener_fault.py") + ["\(child.processIdentifier)", port] + options)
      #expect(try await fault.output.next(within: .seconds(20)) == "done")
      return fault
    }

    @Test(.timeLimit(.minutes(1))) func aListenerThatIsClosedIsOpenedAgain() async throws {
      try await Gateway.run { gateway in
        try await GarterBridge.run(gateway: gateway.address) { bridge in
          for (child, address) in [(gateway.child, gateway.address), (bridge.child, bridge.address)] {
            await (try self.fault(child, at: address)).abandon()
            let line = try await child.diagnostics.first(within: .seconds(10)) {
              $0.contains("the system closed a listener") && $0.contains("error")
            }
            #expect(line?.contains(address) == true)
          }
          let crowd = try await Crowd.start()
          try await Task.sleep(for: .milliseconds(500))
          try await crowd.perform(["socks": 1, "to": .text(bridge.address)])
          try await crowd.perform(["pull": 1_000])
          await crowd.child.abandon()
        }
      }
    }

    /// Somebody else has the port then: the process ends, and says so.
    @Test(.timeLimit(.minutes(2))) func aListenerThatIsLostEndsTheProcess() async throws {
      let gateway = try await Gateway.start(GatewayConfiguration(timeouts: ["drain: 1s"]))
      let bridge = try await GarterBridge.start(gateway: gateway.address)
      let thieves = [
        try await self.fault(gateway.child, at: gateway.address, ["steal"]),
        try await self.fault(bridge.child, at: bridge.address, ["steal"]),
      ]
      #expect(try await gateway.child.ended(within: .seconds(50)) == .exited(69))
      #expect(try await bridge.child.ended(within: .seconds(50)) == .exited(69))
      #expect(await gateway.child.diagnostics.all.last?.contains("cannot be opened again") == true)
      for thief in thieves { await thief.abandon() }
    }
  }
}
