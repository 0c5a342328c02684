import Glibc
import NIOCore
import NIOPosix
import Platform
import SOCKSCore
import Synchronization

/// Holds threads up until it is opened.
final class Gate: Sendable {
  private let lock = NIOThreadedGate()
  private let entries: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  init() { (self.entries, self.continuation) = AsyncStream.makeStream() }

  /// Blocks the thread.
  func wait() {
    self.continuation.yield()
    self.lock.wait()
  }

  func open() { self.lock.open() }

  /// Returns when a thread has come to wait.
  func entered() async {
    for await _ in self.entries { return }
  }
}

/// A future that is waited for with a thread: the loop that completes it is nobody else's.
private final class NIOThreadedGate: Sendable {
  private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  private let promise: EventLoopPromise<Void>

  init() { self.promise = self.group.next().makePromise() }

  func wait() { try? self.promise.futureResult.wait() }
  func open() { self.promise.succeed() }
  deinit { self.group.shutdownGracefully { _ in } }
}

/// The machine's sockets that some process holds.
enum Sockets {
  private struct Entry {
    let ownPort: UInt16?
    let peersPort: UInt16?
    /// What the running timer is for, 2 for keepalive, and when it ends, in hundredths of a second.
    let timer: [Int]
    /// A socket that nobody holds any more has no inode.
    let isHeld: Bool

    init?(_ line: some Sequence<UInt8>) {
      let fields = String(decoding: Array(line), as: UTF8.self).split(separator: " ")
      guard fields.count >= 10 else { return nil }
      func port(_ address: Substring) -> UInt16? {
        address.split(separator: ":").last.flatMap { UInt16($0, radix: 16) }
      }
      (self.ownPort, self.peersPort) = (port(fields[1]), port(fields[2]))
      self.timer = fields[5].split(separator: ":").compactMap { Int($0, radix: 16) }
      self.isHeld = fields[9] != "0"
    }
  }

  private static func entries() -> [Entry]? {
    guard let table = try? FileContents.read(path: "/proc/net/tcp", limit: 1 << 26) else { return nil }
    return table.split(separator: UInt8(ascii: "\n")).dropFirst().compactMap { Entry($0) }
  }

  /// Shuts down this process's listener at a port, which ends it as an error of accept does that NIO takes for final.
  static func shutDownListener(port: UInt16) -> Bool {
    for descriptor in CInt(3)..<4_096 {
      // A `sockaddr_in`, by its bytes: which module that type comes from depends on the order of the build.
      var address = [UInt8](repeating: 0, count: 16)
      var length = socklen_t(address.count)
      let result = unsafe address.withUnsafeMutableBytes { bytes in
        unsafe getsockname(descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
      }
      guard result == 0, address[0] == UInt8(AF_INET), UInt16(address[2]) << 8 | UInt16(address[3]) == port else {
        continue
      }
      var listens: CInt = 0
      var size = socklen_t(MemoryLayout<CInt>.size)
      guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0, listens != 0 else {
        continue
      }
      return shutdown(descriptor, CInt(SHUT_RDWR)) == 0
    }
    return false
  }

  /// Those whose own port, or their peer's, is this one; listeners count too.
  static func count(port: UInt16) -> Int {
    guard let entries = self.entries() else { return -1 }
    return entries.count { $0.isHeld && ($0.ownPort == port || $0.peersPort == port) }
  }

  /// Asks again until it is so; the suite's time limit ends a wait in vain.
  static func wait(port: UInt16, until count: Int) async {
    while self.count(port: port) != count { await Task.yield() }
  }

  /// Asks again until the keepalive timer of such a socket runs and has so many hundredths of a second to go.
  static func waitForKeepalive(_ time: ClosedRange<Int>, ownPort: UInt16? = nil, peersPort: UInt16? = nil) async {
    func isAwaited(_ entry: Entry) -> Bool {
      (ownPort == nil || entry.ownPort == ownPort) && (peersPort == nil || entry.peersPort == peersPort)
        && entry.timer.first == 2 && entry.timer.last.map(time.contains) == true
    }
    while self.entries()?.contains(where: isAwaited) != true { await Task.yield() }
  }
}

/// A listener whose queue is full: connections to it get no answer.
final class SilentTarget: Sendable {
  private let listener: any Channel
  private let fillers: [any Channel]

  init() async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    self.listener = try await ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1)
      .serverChannelOption(.autoRead, value: false)
      // Below those that the system gives to other tests' sockets: who counts this port's sockets counts no others.
      .bind(host: "127.0.0.1", port: Int.random(in: 20_000..<30_000)).get()
    guard let address = self.listener.localAddress else { throw SOCKSError(.connectionClosed) }
    var fillers: [any Channel] = []
    // The system's queue holds one more than it is told.
    for _ in 0..<2 { fillers.append(try await ClientBootstrap(group: group).connect(to: address).get()) }
    self.fillers = fillers
  }

  var port: UInt16 { UInt16(clamping: self.listener.localAddress?.port ?? 0) }

  func close() async {
    for channel in self.fillers + [self.listener] { try? await channel.close() }
  }
}
