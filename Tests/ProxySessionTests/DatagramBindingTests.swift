import NIOCore
import NIOPosix
import ProxySession
import Synchronization
import Testing

/// A UDP socket that cannot be opened leaves no descriptor behind.
struct DatagramBindingTests {
  private struct Refusal: Error {}

  private let group = MultiThreadedEventLoopGroup.singleton

  /// The channel that was made must close.
  private func expectClosed(_ channel: (any Channel)?) async throws {
    let channel = try #require(channel)
    let isClosed = await withTaskGroup(of: Bool.self) { tasks in
      tasks.addTask { (try? await channel.closeFuture.get()) != nil }
      tasks.addTask {
        try? await Task.sleep(for: .seconds(5))
        // Ends the other task, too.
        channel.close(promise: nil)
        return false
      }
      defer { tasks.cancelAll() }
      return await tasks.next() ?? false
    }
    #expect(isClosed)
  }

  @Test func aSocketThatIsNotInitializedIsClosed() async throws {
    let made = Mutex<(any Channel)?>(nil)
    let future = DatagramBinding.bind(to: try SocketAddress(ipAddress: "127.0.0.1", port: 0), on: self.group.next()) {
      channel in
      made.withLock { $0 = channel }
      throw Refusal()
    }
    await #expect(throws: Refusal.self) { try await future.get() }
    try await self.expectClosed(made.withLock { $0 })
  }

  @Test func aSocketThatIsNotBoundIsClosed() async throws {
    let loop = self.group.next()
    let first = try await DatagramBinding.bind(to: try SocketAddress(ipAddress: "127.0.0.1", port: 0), on: loop) { _ in
    }
    .get()
    let address = try #require(first.localAddress)
    let made = Mutex<(any Channel)?>(nil)
    let second = DatagramBinding.bind(to: address, on: loop) { channel in made.withLock { $0 = channel } }
    await #expect(throws: IOError.self) { try await second.get() }
    try await self.expectClosed(made.withLock { $0 })
    try await first.close()
  }
}
