import FoundationEssentials
import Platform
import Testing

extension ProgramTests {
  /// What connections cost the gateway in memory, as the system counts it.
  @Suite struct MemoryTests {
    static let kibibytesPerSilentConnection = 16
    static let kibibytesPerIdleSession = 64
    static let connections = 2_000
    /// As with those below, many more than what the C library keeps.
    static let associations = 400
    static let octetsMoved = 16 << 20
    /// Sessions that move so much: GARTER_MEMORY_SESSIONS, for those who have a few minutes for 2000. So many that what the
    /// C library keeps of the busiest moment, up to 8 MiB a thread (FreedMemory), cannot be taken for a session's.
    static let movingSessions = Environment.get("GARTER_MEMORY_SESSIONS").flatMap(Int.init) ?? 400

    @Test(.timeLimit(.minutes(3))) func silentConnectionsAndIdleSessions() async throws {
      try await self.withCrowd { crowd, gateway, bridge in
        let base = try await self.warmedUp(crowd, gateway, bridge, octets: 0)
        try await crowd.perform(["open": .integer(Self.connections), "to": .text(gateway.address)])
        try await self.settle(gateway, connections: Self.connections)
        let silentLimit = Self.connections * Self.kibibytesPerSilentConnection
        let silent = try await self.growth(gateway, over: base, limit: silentLimit)
        #expect(silent <= silentLimit, "\(silent) KiB")
        try await crowd.perform(["close": true])
        try await self.settle(gateway, connections: 0)

        try await crowd.perform(["socks": .integer(Self.connections), "to": .text(bridge.address)])
        try await self.settle(gateway, connections: Self.connections)
        let idleLimit = Self.connections * Self.kibibytesPerIdleSession
        let idle = try await self.growth(gateway, over: base, limit: idleLimit)
        #expect(idle <= idleLimit, "\(idle) KiB")
        try await crowd.perform(["close": true])
        try await self.settle(gateway, connections: 0)
        print(
          "resident: \(silent) KiB for \(Self.connections) silent connections, \(idle) KiB for as many idle sessions")
      }
    }

    @Test(.timeLimit(.minutes(10))) func sessionsThatAreIdleAgain() async throws {
      try await self.withCrowd { crowd, gateway, bridge in
        let base = try await self.warmedUp(crowd, gateway, bridge, octets: Self.octetsMoved)
        try await crowd.perform(["socks": .integer(Self.movingSessions), "to": .text(bridge.address)])
        let answer = try await crowd.perform(["pull": .integer(Self.octetsMoved)])
        #expect(answer["octets"]?.integer == Self.octetsMoved * Self.movingSessions)
        try await self.settle(gateway, connections: Self.movingSessions)
        let idleLimit = Self.movingSessions * Self.kibibytesPerIdleSession
        let idle = try await self.growth(gateway, over: base, limit: idleLimit)
        #expect(idle <= idleLimit, "\(idle) KiB")
        print(
          "resident: \(idle) KiB for \(Self.movingSessions) sessions that are idle after \(Self.octetsMoved) octets each"
        )
      }
    }

    /// Associations that have relayed the largest datagrams, or one small one, and rest: at the gateway and at the bridge.
    @Test(.timeLimit(.minutes(5)), arguments: [(datagrams: 16, octets: 60_000), (datagrams: 1, octets: 1_000)])
    func associationsThatAreIdleAgain(datagrams: Int, octets: Int) async throws {
      try await self.withCrowd { crowd, gateway, bridge in
        func associate(_ count: Int) async throws {
          try await crowd.perform([
            "associate": .integer(count), "to": .text(bridge.address), "datagrams": .integer(datagrams),
            "octets": .integer(octets),
          ])
        }
        try await associate(20)
        try await crowd.perform(["close": true])
        try await self.settle(gateway, connections: 0)
        let base = (gateway: try gateway.residentKibibytes, bridge: try bridge.child.residentKibibytes)
        try await associate(Self.associations)
        let limit = Self.associations * Self.kibibytesPerIdleSession
        let idle = try await self.growth(gateway, over: base.gateway, limit: limit)
        let bridgeIdle = try bridge.child.residentKibibytes - base.bridge
        #expect(idle <= limit && bridgeIdle <= limit, "\(idle) and \(bridgeIdle) KiB")
        print(
          "resident: \(idle) KiB at the gateway, \(bridgeIdle) at the bridge, for \(Self.associations) idle associations"
        )
      }
    }

    private func withCrowd(_ body: (Crowd, Gateway, GarterBridge) async throws -> Void) async throws {
      // The children inherit it.
      _ = try? DescriptorLimit.raise()
      // All come from one address, and those that are silent never authenticate.
      var configuration = GatewayConfiguration(limits: ["unauthenticated_per_address: \(Self.connections)"])
      configuration.rules = [
        #"{allow: [connect, associate], principals: ["alice@GARTER.TEST"], to: [127.0.0.0/8, "::1", localhost]}"#
      ]
      try await Gateway.run(configuration) { gateway in
        let options = ["--quiet", "--maximum-connections", "\(2 * Self.connections + Self.movingSessions)"]
        try await GarterBridge.run(gateway: gateway.address, options: options) { bridge in
          let crowd = try await Crowd.start()
          do {
            try await body(crowd, gateway, bridge)
            await crowd.child.abandon()
          } catch {
            await crowd.child.abandon()
            throw error
          }
        }
      }
    }

    /// What the gateway takes when it has worked, and nobody is connected.
    private func warmedUp(_ crowd: Crowd, _ gateway: Gateway, _ bridge: GarterBridge, octets: Int) async throws -> Int {
      try await crowd.perform(["socks": 20, "to": .text(bridge.address)])
      if octets > 0 { try await crowd.perform(["pull": .integer(octets)]) }
      try await crowd.perform(["close": true])
      try await self.settle(gateway, connections: 0)
      return try self.resident(gateway)
    }

    /// Waits until the gateway has as many connections as clients have made: the kernel makes them before it accepts them.
    private func settle(_ gateway: Gateway, connections: Int) async throws {
      let port = gateway.address.drop { $0 != ":" }.dropFirst()
      // Accepted connections have an inode.
      let script = #"""
        for attempt in $(seq 300); do
          count=$(ls -l "/proc/$1/fd" | grep -c 'socket:')
          queued=$(ss -Hltn "sport = :$2" | { read -r state received rest; echo "${received:-0}"; })
          [ "$queued" = 0 ] && [ "$count" -ge "$3" ] && [ "$count" -le "$4" ] && exit 0
          sleep 0.1
        done
        exit 1
        """#
      // Sessions have two sockets, silent connections one; a few are the gateway's own.
      let most = connections == 0 ? 10 : 2 * connections + 10
      try await Script(
        text: script, arguments: ["\(gateway.child.processIdentifier)", String(port), "\(connections)", "\(most)"]
      ).succeed()
    }

    /// KiB above `base`, when what was on its way is gone: at most a few seconds later.
    private func growth(_ gateway: Gateway, over base: Int, limit: Int) async throws -> Int {
      let end = ContinuousClock.now + .seconds(5)
      var growth = try self.resident(gateway) - base
      while growth > limit, ContinuousClock.now < end {
        try await Task.sleep(for: .milliseconds(100))
        growth = try self.resident(gateway) - base
      }
      return growth
    }

    private func resident(_ gateway: Gateway) throws -> Int { try gateway.residentKibibytes }
  }
}

extension Gateway {
  var residentKibibytes: Int { get throws { try self.child.residentKibibytes } }
}

extension Child {
  /// What the system counts as its memory.
  var residentKibibytes: Int {
    get throws {
      let path = "/proc/\(self.processIdentifier)/status"
      let status = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
      let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
      return try #require(line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) })
    }
  }
}

/// Many connections, made by one Python process; see `Peers/crowd.py`.
struct Crowd: Sendable {
  let child: Child

  static func start() async throws -> Crowd {
    let child = try await Child.start(Programs.peer("crowd.py"))
    guard try await child.output.next(within: .seconds(20)) != nil else {
      throw PeerError(account: await child.account)
    }
    return Crowd(child: child)
  }

  @discardableResult
  func perform(_ job: JSONValue) async throws -> JSONValue {
    self.child.send(try job.encoded())
    guard let line = try await self.child.output.next(within: .seconds(590)) else {
      throw PeerError(account: await self.child.account)
    }
    let answer = try JSONValue(parsing: line)
    guard answer["done"] == true else { throw PeerError(account: "\(answer) \(await self.child.account)") }
    return answer
  }
}
