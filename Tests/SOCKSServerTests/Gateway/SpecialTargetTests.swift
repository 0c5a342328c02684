import NIOCore
import NIOPosix
import ProxySession
import SOCKSCore
import SOCKSNIO
import Synchronization
import Testing

@testable import SOCKSServer

/// Special addresses through a whole gateway, in every spelling and by every command.
@Suite(.timeLimit(.minutes(5))) struct SpecialTargetTests {
  typealias Setting = GatewayUnderTest.Setting

  /// As much as an operator can allow without naming a special address.
  private static func everything() throws -> AccessRule {
    .allow(
      Set(AccessCommand.allCases), identities: [.everybody],
      targets: try ["*", "0.0.0.0/0", "::/0", "*.example.com", "localhost", "*.localdomain"].map {
        try TargetPattern(parsing: $0)
      })
  }

  /// A listener on both loopback addresses that nobody may reach.
  private final class Canary: Sendable {
    let reached = Atomic(0)
    let port: UInt16
    private let listeners: [any Channel]

    init() async throws {
      let port = Mutex<Int>(0)
      var listeners: [any Channel] = []
      for host in ["127.0.0.1", "::1"] {
        let bound = try? await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
          .serverChannelOption(.backlog, value: 1_024)
          .bind(host: host, port: port.withLock { $0 }).get()
        // A machine may have no IPv6.
        guard let bound else { continue }
        port.withLock { $0 = bound.localAddress?.port ?? 0 }
        listeners.append(bound)
      }
      self.port = UInt16(clamping: port.withLock { $0 })
      self.listeners = listeners
      for listener in listeners {
        try await listener.pipeline.addHandler(Counter(self), position: .first).get()
      }
    }

    private final class Counter: ChannelInboundHandler, Sendable {
      typealias InboundIn = any Channel
      private let canary: Canary
      init(_ canary: Canary) { self.canary = canary }
      func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.canary.reached.add(1, ordering: .relaxed)
        context.fireChannelRead(data)
      }
    }

    var count: Int { self.reached.load(ordering: .relaxed) }

    func close() async { for listener in self.listeners { try? await listener.close() } }
  }

  private static func host(_ text: String) throws -> [SOCKSHost] {
    var hosts: [SOCKSHost] = [SOCKSHost(nameField: text.utf8)]
    if let address = IPAddress(text) { hosts.append(.address(address)) }
    return hosts
  }

  /// What the rules see as a wish for any peer: then the peer is asked about.
  private static func isForAnyPeer(_ asked: String, _ command: SOCKSCommand) -> Bool {
    command == .bind && IPAddress(asked)?.isUnspecified == true
  }

  @Test(arguments: [SOCKSCommand.connect, .bind], [true, false])
  func noSpellingPasses(command: SOCKSCommand, isLenient: Bool) async throws {
    let canary = try await Canary()
    var setting = Setting()
    setting.rules = [try Self.everything()]
    var table: [String: IPAddress] = [:]
    for (asked, reached, _) in specialSpellings {
      if case .name(let name) = SOCKSHost(nameField: asked.utf8) { table[name.canonical] = IPAddress(reached) }
    }
    let answers = table
    // The system's resolver, for the spellings that need no query; and one that reads them all.
    setting.lookUp = NameLookup.bySystem
    setting.inHostsFile = NameLookup.inHostsFile
    if isLenient {
      setting.lookUp = { name, _ in
        guard let address = answers[name] else { return .failure(SessionEnd(.connectFailed(.noSuchName))) }
        return .success([address])
      }
      setting.inHostsFile = { name, _ in .success(answers[name].map { [$0] } ?? []) }
    }
    let spellings = specialSpellings.map(\.asked).filter { isLenient || !$0.contains("example") }
    try await GatewayUnderTest.with(setting) { gateway in
      for asked in spellings where !Self.isForAnyPeer(asked, command) {
        for host in try Self.host(asked) {
          var client = try await gateway.client()
          try await client.negotiate()
          try await client.sendRequest(SOCKSAddress(host: host, port: canary.port), command: command)
          let code = try await client.receive()[1]
          let isMalformed = if case .malformed = host { true } else { false }
          #expect(isMalformed ? code == 0x04 : code == 0x02 || !isLenient && code == 0x04, "\(asked): \(code)")
          await client.peer.close()
        }
      }
    }
    #expect(canary.count == 0)
    await canary.close()
  }

  /// Answers that change from query to query, as of somebody who wants to get past a check: what is checked is dialled.
  ///
  /// 127.0.0.3 stands for a public address, for a rule names it; 127.0.0.1 and ::1 are covered only by rules that do not.
  @Test func aResolverThatAlternatesLeadsNobodyToTheLoopback() async throws {
    let connects = 10_000
    let canary = try await Canary()
    let target = try await Origin("127.0.0.3", port: canary.port)
    let good = IPAddress.v4(0x7f00_0003)
    let answers: [[IPAddress]] = [
      [good], [.v4(0x7f00_0001)], [good, .v4(0x7f00_0001)], [.v4(0x7f00_0001), good], [.v6(high: 0, low: 1), good],
      [.v6(high: 0, low: 0xffff_7f00_0001)], [good, .v6(high: 0, low: 0xffff_7f00_0001)], [.v4(0), good],
    ]
    let queries = Mutex(0)
    var setting = Setting()
    setting.rules = [
      try Self.everything(),
      .allow([.connect], identities: [.everybody], targets: [.network(IPNetwork(good))], name: "public"),
    ]
    setting.lookUp = { _, _ in
      let query = queries.withLock { queries in
        queries += 1
        return queries
      }
      return .success(answers[query % answers.count])
    }
    let name = try SOCKSAddress(name: "alternating.example", port: canary.port)
    let reached = try await GatewayUnderTest.with(setting) { gateway in
      try await withThrowingTaskGroup(of: Int.self) { tasks in
        for _ in 0..<16 {
          tasks.addTask {
            var reached = 0
            for _ in 0..<connects / 16 {
              var client = try await gateway.client()
              try await client.negotiate()
              let code = try await client.connect(name)[1]
              #expect(code == 0x00 || code == 0x02)
              if code == 0x00 { reached += 1 }
              await client.peer.reset()
            }
            return reached
          }
        }
        var reached = 0
        while let result = try await tasks.next() { reached += result }
        return reached
      }
    }
    #expect(queries.withLock { $0 } == connects)
    // All but the two answers that have no other address.
    #expect(reached == connects / answers.count * 6)
    #expect(canary.count == 0)
    try await target.close()
    await canary.close()
  }
}
