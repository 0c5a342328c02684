import NIOCore
import NIOPosix
import Platform
import ProxySession
public import SOCKSCore
import Synchronization

/// Carries the program's standard input to a target as datagrams, and the answers to its standard output, as `nc -u`
/// does: what one read of the input gives is one datagram.
///
/// After the end of the input it waits for answers a while. To be used once in a process: its streams are used up.
public struct StandardDatagramSession: Sendable {
  private struct Progress {
    var lastActivity = ContinuousClock.now
    /// Set when the input has come to its end, and so has the wait after it.
    var hasFinished = false
    var inputFailure: SystemError?
  }

  /// Octets of one read at most: what fits a datagram at any level, to any name.
  public static let maximumData = 65_000

  private let connector: ProxyConnector
  private let grace: Duration
  private let onAssociation: @Sendable (ProxiedAssociation) -> Void

  /// - Parameters:
  ///   - grace: how long to wait after the end of the input, counted anew from each answer.
  ///   - onAssociation: called when the association is established, before any data.
  public init(
    connector: ProxyConnector, grace: Duration, onAssociation: @escaping @Sendable (ProxiedAssociation) -> Void
  ) {
    self.connector = connector
    self.grace = grace
    self.onAssociation = onAssociation
  }

  /// - Returns: what was dropped.
  /// - Throws: ``ProxyConnectorError`` before anything is read or written; ``StandardStreamSession/CutShort`` after that.
  @discardableResult
  public func run(to target: SOCKSAddress) async throws -> DatagramDrops {
    let association = try await self.connector.associate()
    defer { association.close() }
    self.onAssociation(association)
    let copies = NIOThreadPool(numberOfThreads: 2)
    copies.start()
    // The copy of the input may wait in a read that nothing ends; it is not waited for.
    defer { copies.shutdownGracefully { _ in } }
    let progress = Shared()
    Task { await self.copyInput(to: association, target, copies, progress) }
    do {
      for try await datagram in association.datagrams {
        try await copies.runIfActive { try StandardStream.output.write(datagram.data) }
        progress.state.withLock { $0.lastActivity = .now }
      }
    } catch let error as SystemError {
      throw StandardStreamSession.CutShort(description: "cannot write to standard output: \(words(for: error))")
    } catch {
      let detail = words(for: error)
      throw StandardStreamSession.CutShort(description: "the session ended prematurely: \(escaped(detail))")
    }
    let end = progress.state.withLock { $0 }
    if let error = end.inputFailure {
      throw StandardStreamSession.CutShort(description: "cannot read standard input: \(words(for: error))")
    }
    guard end.hasFinished else {
      throw StandardStreamSession.CutShort(
        description: "the session ended prematurely: the gateway has ended the association")
    }
    return association.drops
  }

  private final class Shared: Sendable {
    let state = Mutex(Progress())
  }

  private func copyInput(
    to association: ProxiedAssociation, _ target: SOCKSAddress, _ copies: NIOThreadPool, _ progress: Shared
  ) async {
    do {
      while true {
        let octets = try await copies.runIfActive { try StandardStream.input.read(limit: Self.maximumData) }
        guard !octets.isEmpty else { break }
        // Dropped ones are counted.
        try? await association.send(ByteBuffer(bytes: octets), to: target)
        progress.state.withLock { $0.lastActivity = .now }
      }
    } catch {
      progress.state.withLock { $0.inputFailure = error as? SystemError }
      return association.close()
    }
    await self.waitForAnswers(progress)
    progress.state.withLock { $0.hasFinished = true }
    association.close()
  }

  private func waitForAnswers(_ progress: Shared) async {
    progress.state.withLock { $0.lastActivity = .now }
    while true {
      let end = progress.state.withLock { $0.lastActivity } + self.grace
      guard end > .now else { return }
      try? await Task.sleep(until: end, clock: .continuous)
    }
  }
}

extension StandardStream {
  fileprivate func write(_ data: ByteBuffer) throws(SystemError) { try self.write(Array(data.readableBytesView)) }
}
