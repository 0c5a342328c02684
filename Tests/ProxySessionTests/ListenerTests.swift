import Glibc
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import ProxySession

/// Listeners that have no descriptor for a connection, and those that the system closes.
@Suite(.timeLimit(.minutes(1))) struct ListenerTests {
  private static let group = MultiThreadedEventLoopGroup.singleton
  private static let shortage = IOError(errnoCode: EMFILE, reason: "accept")

  private static func log(_ lines: LineLog = LineLog()) -> ListenerLog {
    ListenerLog(Logger(label: "test", factory: { _ in lines }))
  }

  private static func loopback() throws -> SocketAddress { try SocketAddress(ipAddress: "127.0.0.1", port: 0) }

  /// A listener that counts what it accepts, and reads by `autoRead`, or by itself as that of a BIND does.
  private static func bootstrap(_ accepted: Counter, log: ListenerLog, readsByItself: Bool) -> ServerBootstrap {
    ServerBootstrap(group: Self.group)
      .serverChannelOption(.autoRead, value: readsByItself)
      .serverChannelOption(.maxMessagesPerRead, value: 1)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers(
            AcceptPauseHandler(log: log), Reader(accepted, readsByItself: readsByItself))
        }
      }
  }

  /// NIO fires the error, and then the end of the read, after which a handler may ask for the next.
  private static func fail(_ listener: any Channel, _ error: any Error = Self.shortage) async throws {
    try await listener.eventLoop.submit {
      listener.pipeline.fireErrorCaught(error)
      listener.pipeline.fireChannelReadComplete()
    }.get()
  }

  private static func connect(to listener: any Channel) async throws -> any Channel {
    try await ClientBootstrap(group: Self.group).connect(to: try #require(listener.localAddress)).get()
  }

  @Test(arguments: [true, false]) func acceptingPausesForASecond(readsByItself: Bool) async throws {
    let (accepted, lines) = (Counter(), LineLog())
    let listener = try await Self.bootstrap(accepted, log: Self.log(lines), readsByItself: readsByItself)
      .bind(to: Self.loopback()).get()
    if !readsByItself { listener.read() }
    try await Self.fail(listener)
    let start = ContinuousClock.now
    let client = try await Self.connect(to: listener)
    while accepted.count == 0 { try await Task.sleep(for: .milliseconds(10)) }
    // Registered, it would have been accepted at once.
    #expect(ContinuousClock.now - start > .milliseconds(900))
    // And it goes on as before, also with the next such pause.
    try await Self.connect(to: listener).close()
    while accepted.count < 2 { try await Task.sleep(for: .milliseconds(10)) }
    try await Self.fail(listener)
    try await Self.connect(to: listener).close()
    while accepted.count < 3 { try await Task.sleep(for: .milliseconds(10)) }
    #expect(lines.messages.allSatisfy { $0 == "accepting pauses for a second" } && !lines.messages.isEmpty)
    try await client.close()
    try await listener.close()
  }

  /// NIO's loop at a socket's end, which without a descriptor has none itself.
  @Test func anErrorInThePauseClosesTheListener() async throws {
    let listener = try await Self.bootstrap(Counter(), log: Self.log(), readsByItself: true)
      .bind(to: Self.loopback()).get()
    try await Self.fail(listener)
    #expect(listener.isActive)
    try await Self.fail(listener)
    try await listener.closeFuture.get()
  }

  @Test func otherErrorsDoNotPause() async throws {
    let accepted = Counter()
    let listener = try await Self.bootstrap(accepted, log: Self.log(), readsByItself: true)
      .bind(to: Self.loopback()).get()
    try await Self.fail(listener, IOError(errnoCode: ECONNABORTED, reason: "accept"))
    let start = ContinuousClock.now
    try await Self.connect(to: listener).close()
    while accepted.count == 0 { await Task.yield() }
    #expect(ContinuousClock.now - start < .milliseconds(900))
    try await listener.close()
  }

  // MARK: Opened again

  /// As NIO closes it for an error of accept that it takes for final.
  @Test func aListenerThatTheSystemClosesIsOpenedAgain() async throws {
    let (accepted, lines, channels) = (Counter(), LineLog(), Channels())
    let log = Self.log(lines)
    let listener = try await ReopeningListener.open(at: Self.loopback(), log: log) { address in
      Self.bootstrap(accepted, log: log, readsByItself: false).bind(to: address).map { channels.add($0) }
    }
    try await listener.startAccepting()
    for round in 1...3 {
      let channel = try #require(channels.last)
      #expect(channel.localAddress == listener.address)
      channel.close(promise: nil)
      while channels.count == round { try await Task.sleep(for: .milliseconds(5)) }
      let next = try #require(channels.last)
      try await Self.connect(to: next).close()
      while accepted.count < round { try await Task.sleep(for: .milliseconds(5)) }
    }
    #expect(lines.messages.contains("the system closed a listener, which is opened again"))
    #expect(lines.messages.contains("listening again"))
    // At most one line a second of a kind.
    #expect(lines.messages.count <= 4)
    await listener.close()
    #expect(await listener.loss() == nil)
    try await channels.last?.closeFuture.get()
    #expect(channels.count == 4)
  }

  /// The port is taken meanwhile, for good.
  @Test func aListenerThatCannotBeOpenedAgainIsLost() async throws {
    let (log, attempts, channels) = (Self.log(), Counter(), Channels())
    let retries = ReopeningListener.Retries(
      maximumAttempts: 3, firstDelay: .milliseconds(1), maximumDelay: .milliseconds(1))
    let listener = try await ReopeningListener.open(at: Self.loopback(), log: log, retries: retries) { address in
      guard attempts.add() > 0 else {
        return Self.bootstrap(Counter(), log: log, readsByItself: false).bind(to: address).map { channels.add($0) }
      }
      // What the system lacks for the moment does not count.
      let code = attempts.count % 2 == 0 ? EMFILE : EADDRINUSE
      return Self.group.any().makeFailedFuture(IOError(errnoCode: code, reason: "bind"))
    }
    channels.last?.close(promise: nil)
    let loss = try #require(await listener.loss())
    #expect(loss.address == listener.address)
    #expect((loss.reason as? IOError)?.errnoCode == EADDRINUSE)
    #expect(attempts.count == 1 + 3 + 3)
  }

  @Test func theDelayGrowsToItsLimit() {
    let retries = ReopeningListener.Retries()
    let delays = (1...10).map { retries.delay(after: $0).nanoseconds / 1_000_000 }
    #expect(delays == [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000])
    #expect(retries.delay(after: 0) == .milliseconds(100))
  }

  @Test func thereIsOneLineASecondOfAKind() throws {
    let (lines, clock) = (LineLog(), Box(.uptimeNanoseconds(1_000_000_000)))
    let log = ListenerLog(Logger(label: "test", factory: { _ in lines }), now: { clock.time.withLock { $0 } })
    for _ in 0..<100 { log.acceptingPauses(at: nil, Self.shortage) }
    log.closed(at: try Self.loopback(), nil)
    #expect(lines.counts == ["1", "1"])
    clock.time.withLock { $0 = $0 + .seconds(1) }
    log.acceptingPauses(at: nil, Self.shortage)
    #expect(lines.counts == ["1", "1", "100"])
  }

  @Test func whatTheSystemLacksIsToldFromTheRest() {
    for code in [EMFILE, ENFILE, ENOBUFS, ENOMEM] {
      #expect(SystemShortage.isCause(of: IOError(errnoCode: code, reason: "")))
    }
    for code in [EPERM, EPROTO, ECONNABORTED, EADDRINUSE, EINVAL] {
      #expect(!SystemShortage.isCause(of: IOError(errnoCode: code, reason: "")))
    }
    #expect(!SystemShortage.isCause(of: ChannelError.eof))
  }
}

private final class Box: Sendable {
  let time: Mutex<NIODeadline>
  init(_ time: NIODeadline) { self.time = Mutex(time) }
}

private final class Counter: Sendable {
  private let value = Atomic(0)
  var count: Int { self.value.load(ordering: .sequentiallyConsistent) }
  @discardableResult func add() -> Int { self.value.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue }
}

private final class Channels: Sendable {
  private let list = Mutex<[any Channel]>([])
  var count: Int { self.list.withLock { $0.count } }
  var last: (any Channel)? { self.list.withLock { $0.last } }

  func add(_ channel: any Channel) -> any Channel {
    self.list.withLock { $0.append(channel) }
    return channel
  }
}

/// The next behind the pause: counts, and asks for the next connection.
private final class Reader: ChannelInboundHandler {
  typealias InboundIn = any Channel
  typealias InboundOut = any Channel

  private let accepted: Counter
  private let readsByItself: Bool

  init(_ accepted: Counter, readsByItself: Bool) {
    self.accepted = accepted
    self.readsByItself = readsByItself
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.accepted.add()
    context.fireChannelRead(data)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if !self.readsByItself { context.read() }
    context.fireChannelReadComplete()
  }
}

/// Keeps the messages that are logged, and their counts.
private struct LineLog: LogHandler, Sendable {
  private final class Store: Sendable {
    let lines = Mutex<[(message: String, count: String?)]>([])
  }

  private let store = Store()
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level = .trace

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { self.metadata[key] }
    set { self.metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let count = event.metadata?["count"].map { "\($0)" }
    self.store.lines.withLock { $0.append((event.message.description, count)) }
  }

  var messages: [String] { self.store.lines.withLock { $0.map(\.message) } }
  var counts: [String?] { self.store.lines.withLock { $0.map(\.count) } }
}
