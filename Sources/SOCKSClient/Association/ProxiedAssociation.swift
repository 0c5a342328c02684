public import NIOCore
import ProxySession
public import SOCKSCore

/// Datagrams through a gateway: an association that ``ProxyConnector/associate()`` has made.
///
/// Each datagram is protected on the way to the gateway. Those that come are checked: what is not exactly one genuine,
/// new message from the gateway's relay is dropped and counted, and answered by nobody.
public final class ProxiedAssociation: Sendable {
  /// The level agreed, and what is known of the context and its two ends.
  public let protection: AgreedProtection?

  /// Where the gateway takes this association's datagrams.
  public let relayAddress: SOCKSAddress

  /// What comes, for one reader. At most ``ProxyConnector/Configuration/maximumBufferedDatagrams`` wait for it; those
  /// that come then are dropped and counted. It ends with the association.
  public let datagrams: Datagrams

  private let session: NIOLoopBound<AssociationSession>
  private let eventLoop: any EventLoop
  private let counts: AssociationCounts

  /// On the session's event loop.
  init(_ session: AssociationSession, buffering limit: Int) {
    self.protection = session.protection
    self.relayAddress = session.relay
    self.eventLoop = session.eventLoop
    self.counts = session.counts
    self.session = NIOLoopBound(session, eventLoop: session.eventLoop)
    let (stream, continuation) = AsyncThrowingStream.makeStream(
      of: ProxiedDatagram.self, bufferingPolicy: .bufferingOldest(max(1, limit)))
    self.datagrams = Datagrams(stream: stream)
    let counts = session.counts
    session.onDatagram = { datagram in
      if case .dropped = continuation.yield(datagram) { counts.count(.queueFull) }
    }
    session.onEnd = { [weak session] error in
      // The ordinary end, by either side; anything else is a fault.
      let end = session?.end(for: error) ?? SessionEnd(error, from: .target, in: .relaying)
      let fault = end.cause == .ticketExpired ? SOCKSError(.credentialsExpired, end.detail) : error
      continuation.finish(throwing: end.cause == .completed ? nil : fault)
    }
  }

  /// Sends one datagram to a target; a name is looked up by the gateway. That it was sent does not say that it arrives.
  ///
  /// - Throws: `DatagramDrop` when it was dropped here, and why: `tooLarge`, `queueFull`, `notSent` when the association
  ///   is over, `protectionFailed`. It has been counted.
  public func send(_ data: ByteBuffer, to target: SOCKSAddress) async throws {
    let session = self.session
    try await self.eventLoop.submit { try session.value.send(data, to: target) }.get()
  }

  /// What was agreed, in one line for a log or a person.
  public var summary: String { self.protection?.summary ?? "without protection" }

  /// Datagrams dropped so far, both ways.
  public var drops: DatagramDrops { self.counts.drops }

  /// Ends the association. A second call changes nothing.
  public func close() {
    let session = self.session
    self.eventLoop.execute { session.value.close() }
  }
}

extension ProxiedAssociation {
  /// The datagrams that come, in the order in which they do.
  ///
  /// It throws a `SOCKSError` when a fault has ended the association.
  public struct Datagrams: AsyncSequence, Sendable {
    public typealias Element = ProxiedDatagram

    let stream: AsyncThrowingStream<ProxiedDatagram, any Error>

    public struct AsyncIterator: AsyncIteratorProtocol {
      var iterator: AsyncThrowingStream<ProxiedDatagram, any Error>.AsyncIterator

      public mutating func next() async throws -> ProxiedDatagram? { try await self.iterator.next() }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(iterator: self.stream.makeAsyncIterator()) }
  }
}
