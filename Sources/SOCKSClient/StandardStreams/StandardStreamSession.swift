public import NIOCore
import NIOPosix
import Platform
import ProxySession
public import SOCKSCore
import SOCKSNIO

/// Carries the program's standard input and output to a target through a gateway, as `nc` does: for ssh's ProxyCommand.
///
/// The end of the input ends the stream to the target, and reading goes on; the end of the target's stream closes the
/// output. It is over when both have ended. To be used once in a process: its streams are used up.
public struct StandardStreamSession: Sendable {
  /// Why a session that had begun did not come to its end.
  public struct CutShort: Error, Sendable, CustomStringConvertible {
    public let description: String
  }

  private let connector: ProxyConnector
  private let eventLoop: any EventLoop
  private let onConnection: @Sendable (ProxiedChannel) -> Void

  /// - Parameters:
  ///   - eventLoop: where both sides run.
  ///   - onConnection: called when the connection is established, before any data.
  public init(
    connector: ProxyConnector, eventLoop: any EventLoop, onConnection: @escaping @Sendable (ProxiedChannel) -> Void
  ) {
    self.connector = connector
    self.eventLoop = eventLoop
    self.onConnection = onConnection
  }

  /// - Throws: ``ProxyConnectorError`` before anything is read or written; ``CutShort`` after that.
  public func run(to target: SOCKSAddress) async throws {
    let proxied = try await self.connector.connect(to: target, on: self.eventLoop).get()
    self.onConnection(proxied)
    let streams: StandardStreamCopy
    do throws(SystemError) {
      streams = try StandardStreamCopy()
    } catch {
      try? await proxied.channel.close()
      throw CutShort(description: "cannot open a socket: \(words(for: error))")
    }
    let copies = NIOThreadPool(numberOfThreads: 2)
    copies.start()
    // The copy of the input may wait in a read that nothing ends; it is not waited for.
    defer { copies.shutdownGracefully { _ in } }
    let output = copies.runIfActive(eventLoop: self.eventLoop) { try streams.copyOutput() }
    let end = try await self.relay(streams, copies, proxied)
    do {
      // What the target has sent shall be written before the program ends, whatever came after it.
      try await output.get()
    } catch {
      throw CutShort(description: "cannot write to standard output: \(words(for: error))")
    }
    if let problem = end.problem { throw CutShort(description: problem) }
  }

  private func relay(
    _ streams: StandardStreamCopy, _ copies: NIOThreadPool, _ proxied: ProxiedChannel
  ) async throws -> Ending {
    let local = try await ClientBootstrap(group: self.eventLoop)
      .channelOption(.autoRead, value: false)
      .channelOption(.maxMessagesPerRead, value: 1)
      .channelOption(.recvAllocator, value: GrowingReceiveAllocator())
      .channelOption(.allowRemoteHalfClosure, value: true)
      .withConnectedSocket(streams.descriptor).get()
    let ended = self.eventLoop.makePromise(of: Ending.self)
    self.eventLoop.execute {
      // The program's streams have no idle limit: an ssh session may rest for days.
      let limits = StreamRelaySession.Limits(idle: .hours(24 * 365))
      let failure = LocalFailure()
      let relay = StreamRelaySession(eventLoop: self.eventLoop, limits: limits) { end in
        ended.succeed(Ending(end.cause, failure: failure.text, ticket: proxied.ticket, now: self.eventLoop.now))
      }
      do {
        try local.pipeline.syncOperations.addHandler(relay.handler(for: .client))
        try proxied.channel.pipeline.syncOperations.addHandler(relay.handler(for: .target))
        relay.begin(earlyData: ByteBuffer(), inputClosed: false)
      } catch {
        failure.text = "the session ended prematurely: the gateway closed the connection"
        relay.end()
        local.close(promise: nil)
        proxied.channel.close(promise: nil)
      }
      // An input that breaks must not look like one that has ended.
      copies.runIfActive(eventLoop: self.eventLoop) { try streams.copyInput() }.assumeIsolated().whenFailure { error in
        failure.text = "cannot read standard input: \(words(for: error))"
        relay.end()
      }
    }
    return try await ended.futureResult.get()
  }
}

extension StandardStreamSession {
  /// How the relay has ended, for the person at the terminal.
  private struct Ending: Sendable {
    /// Nil when both streams came to their ends.
    var problem: String?

    init(_ cause: StreamRelaySession.End.Cause, failure: String?, ticket: TicketEnd, now: NIODeadline) {
      if let failure {
        self.problem = failure
      } else if let end = SessionEnd(cause), end.cause != .completed {
        self.problem = "the session ended prematurely: \(escaped(ticket.explaining(end, now: now).detail))"
      }
    }
  }

  /// What has gone wrong on this side, on the event loop.
  private final class LocalFailure {
    var text: String?
  }
}
