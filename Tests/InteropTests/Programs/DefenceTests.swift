import Platform
import Subprocess
import Testing

extension ProgramTests {
  /// A gateway that many strangers connect to, or that has too little of something.
  @Suite struct DefenceTests {
    /// GARTER_STRANGERS, for those who have a minute for 11000.
    private static let strangers = Environment.get("GARTER_STRANGERS").flatMap(Int.init) ?? 1_100
    private static let kibibytesPerStranger = 16
    /// GARTER_RELAYS, for those who have a few minutes for 1000.
    private static let relays = Environment.get("GARTER_RELAYS").flatMap(Int.init) ?? 50

    // MARK: Strangers

    @Test(.timeLimit(.minutes(3))) func goodClientsDoNotNoticeACrowdOfStrangers() async throws {
      let seconds = Self.strangers > 5_000 ? 30 : 8
      let configuration = GatewayConfiguration(
        timeouts: ["method: \(seconds)s"],
        limits: ["connections: 15000", "unauthenticated: 14000:30:15000"])
      try await self.withCrowd(configuration) { crowd, gateway in
        try await PeerClient.run { peer in
          // Warm, and the ticket is there.
          _ = try await self.handshakes(peer, gateway, 20)
          let base = try gateway.residentKibibytes
          try await crowd.perform(self.strangers(Self.strangers, gateway, addresses: 500))
          let result = try await self.handshakes(peer, gateway, 200)
          let growth = try gateway.residentKibibytes - base
          // They are all there still.
          #expect(try await crowd.perform(["wait": 0])["ended"] == 0)
          #expect(result["ok"] == true, "\(result)")
          #expect(try milliseconds(result["p99"]) <= 250, "\(result)")
          #expect(growth <= Self.strangers * Self.kibibytesPerStranger, "\(growth) KiB")
          let ends = try await crowd.perform(["wait": .integer(seconds + 5)])
          #expect(ends["ended"]?.integer == Self.strangers && ends["open"] == 0, "\(ends)")
          #expect((ends["first"]?.integer ?? 0) >= seconds * 1_000 - 100, "\(ends)")
          #expect((ends["last"]?.integer ?? .max) <= seconds * 1_000 + 1_000, "\(ends)")
          print("\(Self.strangers) strangers: \(growth) KiB, handshakes \(result), ends \(ends)")
        }
      }
    }

    /// More strangers than the gateway lets wait: of each address some are dropped, and who has only one connection gets
    /// in. The strangers end at their deadlines.
    @Test(.timeLimit(.minutes(2))) func strangersBeyondTheMarksAreDropped() async throws {
      let configuration = GatewayConfiguration(
        timeouts: ["method: 3s"], limits: ["unauthenticated: 50:30:100"],
        penalties: ["timeout: 20s", "exempt: [127.0.0.1]"])
      try await self.withCrowd(configuration) { crowd, gateway in
        try await PeerClient.run { peer in
          try await crowd.perform(self.strangers(600, gateway, addresses: 60))
          let result = try await self.handshakes(peer, gateway, 50)
          #expect(result["ok"] == true, "\(result)")
          #expect(try milliseconds(result["p99"]) <= 250, "\(result)")
          let ends = try await crowd.perform(["wait": 10])
          #expect(ends["ended"] == 600 && (ends["first"]?.integer ?? .max) < 1_000, "\(ends)")
          let refused = await self.refused(gateway)
          #expect(refused["unauthenticated"] ?? 0 > 0, "\(refused)")
          // Silence is noise, and costs no penalty.
          #expect(await self.refused(gateway)["penalized"] ?? 0 == 0)
          #expect(try await self.handshakes(peer, gateway, 20)["ok"] == true)
        }
      }
    }

    // MARK: A queue that is full

    /// The replay cache is locked by another process, so that no step ends: those beyond the queue are told at once.
    @Test(.timeLimit(.minutes(1))) func aFullQueueOfStepsAbortsAtOnce() async throws {
      let configuration = GatewayConfiguration(limits: ["authentication_threads: 1", "authentication_steps: 2"])
      try await Gateway.run(configuration) { gateway in
        // The cache is there from the first session on.
        let ready = try await PeerClient.run { try await self.handshakes($0, gateway, 1) }
        #expect(ready["ok"] == true, "\(ready)")
        let program = """
          import fcntl, struct, sys
          file = open(sys.argv[1], "r+b")
          fcntl.fcntl(file, fcntl.F_OFD_SETLKW, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
          print("locked", flush=True)
          sys.stdin.read()
          """
        let lock = try await Child.start(["/usr/bin/python3", "-c", program, gateway.replayCache])
        #expect(try await lock.output.next(within: .seconds(10)) == "locked")
        try await withThrowingTaskGroup(of: JSONValue.self) { tasks in
          for _ in 0..<4 {
            tasks.addTask { try await PeerClient.run { try await self.handshakes($0, gateway, 1, seconds: 20) } }
          }
          for _ in 0..<2 {
            let refused = try await tasks.next() ?? [:]
            #expect("\(refused)".contains("abort 01ff"), "\(refused)")
          }
          lock.endInput()
          for try await served in tasks { #expect(served["ok"] == true, "\(served)") }
        }
        let reasons = try await gateway.sessions(5).map(\.reason)
        #expect(reasons.count { $0 == "authentication-queue-full" } == 2, "\(reasons)")
        await lock.abandon()
      }
    }

    // MARK: Descriptors

    /// With 256 open files the gateway takes fewer connections, and the last of them still authenticates and relays.
    @Test(.timeLimit(.minutes(1))) func withFewOpenFilesTheLastConnectionWorks() async throws {
      try await ListeningChild.origin("echo") { origin in
        try await Gateway.run(through: ["prlimit", "--nofile=256:256"]) { gateway in
          let lines = await gateway.child.diagnostics.all
          let warning = try #require(lines.first { $0.contains("too few descriptors") })
          let words = warning.split(separator: " ")
          let place = try #require(words.firstIndex(of: "most"))
          let most = try #require(Int(words[place + 1].filter(\.isNumber)))
          try await GarterBridge.run(gateway: gateway.address, options: ["--quiet"]) { bridge in
            let crowd = try await Crowd.start()
            try await crowd.perform(["socks": .integer(most - 1), "to": .text(bridge.address)])
            let last = try await self.echoing(gateway, origin)
            try await expectEcho("one", last)
            // One more authenticates, too, and is told that the gateway cannot serve it.
            let late = try await GarterConnect(
              gateway: gateway.address, port: origin.port, options: ["--timeout", "10"]
            )
            .run()
            #expect(late.status == .exited(69), "\(late)")
            #expect(try await crowd.perform(["pull": 1_000])["octets"]?.integer == 1_000 * (most - 1))
            try await crowd.perform(["close": true])
            last.endInput()
            #expect(try await last.ended(within: .seconds(20)) == .exited(0))
            await crowd.child.abandon()
          }
        }
      }
    }

    /// The system takes the gateway's descriptors away, and gives them back.
    @Test(.timeLimit(.minutes(1))) func acceptingGoesOnWhenDescriptorsAreFree() async throws {
      try await ListeningChild.origin("echo") { origin in
        try await Gateway.run { gateway in
          let session = try await self.echoing(gateway, origin)
          try await expectEcho("one", session)
          let process = "\(gateway.child.processIdentifier)"
          // One descriptor for the connection that waits already would be too many.
          let less = #"n=$(ls /proc/$1/fd | sort -n | tail -n 1); prlimit --pid $1 --nofile=$((n + 1)):"#
          try await Script(text: less, arguments: [process]).succeed()
          let before = try ProcessTime.used(by: process)
          let crowd = try await Crowd.start()
          try await crowd.perform(["open": 5, "to": .text(gateway.address)])
          let late = try await GarterConnect(gateway: gateway.address, port: origin.port, options: ["--timeout", "2"])
            .run()
          #expect(late.status == .exited(75), "\(late)")
          try await expectEcho("two", session)
          // Two seconds: accepting pauses, and nothing spins.
          let used = try ProcessTime.used(by: process) - before
          #expect(used <= .milliseconds(200), "\(used)")
          try await Script(text: "prlimit --pid $1 --nofile=10000:", arguments: [process]).succeed()
          let start = ContinuousClock.now
          let next = try await self.echoing(gateway, origin)
          try await expectEcho("one", next)
          #expect(ContinuousClock.now - start <= .seconds(2))
          for session in [session, next] {
            try await expectEcho("three", session)
            session.endInput()
            #expect(try await session.ended(within: .seconds(20)) == .exited(0))
          }
          await crowd.child.abandon()
        }
      }
    }

    // MARK: Stopping

    /// Many transfers are under way at the stop: those that finish in time are whole, those that do not are cut, and the
    /// gateway ends with its limit.
    @Test(.timeLimit(.minutes(10))) func theStopWithManyTransfers() async throws {
      // Each way.
      let (octets, stalled) = (Self.relays > 100 ? 2 << 20 : 8 << 20, 5)
      let drain = Self.relays > 100 ? 90 : 20
      _ = try? DescriptorLimit.raise()
      let gateway = try await Gateway.start(GatewayConfiguration(timeouts: ["drain: \(drain)s"]))
      let options = ["--quiet", "--maximum-connections", "\(Self.relays + stalled)"]
      try await GarterBridge.run(gateway: gateway.address, options: options) { bridge in
        let crowd = try await Crowd.start()
        let count = Self.relays + stalled
        try await crowd.perform(["socks": .integer(count), "to": .text(bridge.address)])
        try await crowd.perform(["begin": .integer(octets)])
        let start = ContinuousClock.now
        gateway.child.signal(.terminate)
        try await expectRefused(gateway.address)
        let answer = try await crowd.perform(["finish": .integer(Self.relays)])
        #expect(answer["equal"]?.integer == Self.relays, "\(answer)")
        print("\(Self.relays) transfers finished after \(ContinuousClock.now - start)")
        #expect(try await gateway.child.ended(within: .seconds(drain + 20)) == .exited(0))
        let lasted = ContinuousClock.now - start
        #expect((.seconds(drain) - .milliseconds(100)...(.seconds(drain + 1))).contains(lasted), "\(lasted)")
        let reasons = try await gateway.sessions(count).map(\.reason)
        #expect(reasons.count { $0 == "completed" } == Self.relays, "\(reasons)")
        #expect(reasons.count { $0 == "stopping" } == stalled, "\(reasons)")
        await crowd.child.abandon()
      }
    }

    // MARK: What the tests share

    private func withCrowd(
      _ configuration: GatewayConfiguration, _ body: (Crowd, Gateway) async throws -> Void
    ) async throws {
      // The children inherit it.
      _ = try? DescriptorLimit.raise()
      try await Gateway.run(configuration) { gateway in
        let crowd = try await Crowd.start()
        do {
          try await body(crowd, gateway)
          await crowd.child.abandon()
        } catch {
          await crowd.child.abandon()
          throw error
        }
      }
    }

    /// One in eleven drips.
    private func strangers(_ count: Int, _ gateway: Gateway, addresses: Int) -> JSONValue {
      [
        "strangers": .integer(count - count / 11), "dripping": .integer(count / 11),
        "addresses": .integer(addresses), "to": .text(gateway.address),
      ]
    }

    private func handshakes(
      _ peer: PeerClient, _ gateway: Gateway, _ count: Int, seconds: Int = 30
    ) async throws -> JSONValue {
      try await peer.perform([
        "mode": "handshakes", "server": .text(gateway.address), "count": .integer(count), "seconds": .integer(seconds),
      ])
    }

    /// `garter connect` that stays.
    private func echoing(_ gateway: Gateway, _ origin: ListeningChild) async throws -> Child {
      let interop = try await InteropRealm.ready()
      let port = gateway.address.drop { $0 != ":" }.dropFirst()
      return try await Child.start(
        [try Programs.garter(), "connect", "--gateway", "localhost:\(port)", "127.0.0.1", "\(origin.port)"],
        environment: interop.environment)
    }

    /// Connections closed at once, by reason, as far as the log tells.
    private func refused(_ gateway: Gateway) async -> [String: Int] {
      let lines = await gateway.child.diagnostics.all.filter { $0.contains(": connections refused ") }
      return lines.map(LogLine.init).reduce(into: [:]) { counts, line in
        counts[line.reason ?? "", default: 0] += line.metadata["count"].flatMap { Int($0) } ?? 0
      }
    }

    private func milliseconds(_ value: JSONValue?) throws -> Double {
      switch value {
      case .real(let milliseconds)?: milliseconds
      case .integer(let milliseconds)?: Double(milliseconds)
      default: throw PeerError(account: "no time")
      }
    }
  }
}
