import Logging
import NIOCore
import ProxySession
import SOCKSCore
import SOCKSNIO

/// One local sender of a ``DatagramForward``, and the association that belongs to it. On the forward's event loop.
final class ForwardedSender {
  private enum State {
    case ready
    /// What has come meanwhile is sent when the association is established.
    case asking(ConnectionAttempt, waiting: [ByteBuffer])
    case open(AssociationSession)
    case ended
  }

  private let configuration: DatagramForward.Configuration
  private let eventLoop: any EventLoop
  private let logger: Logger
  private var state: State = .ready
  private var drops = DatagramDrops()
  private var octetsSent: UInt64 = 0
  private var octetsReceived: UInt64 = 0

  var lastActivity: NIODeadline
  /// An answer of the target's.
  var onAnswer: (ByteBuffer) -> Void = { _ in }
  /// Called once unless it was closed; with true when there was no association.
  var onEnd: (_ hasFailed: Bool) -> Void = { _ in }

  init(_ configuration: DatagramForward.Configuration, eventLoop: any EventLoop, logger: Logger) {
    self.configuration = configuration
    self.eventLoop = eventLoop
    self.logger = logger
    self.lastActivity = eventLoop.now
  }

  func begin(_ connector: ProxyConnector) {
    let attempt = connector.makeAttempt(on: self.eventLoop)
    self.state = .asking(attempt, waiting: [])
    connector.associate(attempt) { result in
      switch result {
      case .success(let association): self.associated(association)
      case .failure(let error): self.failed(error)
      }
    }
  }

  func send(_ data: ByteBuffer) {
    switch self.state {
    case .asking(let attempt, var waiting):
      guard waiting.count < self.configuration.maximumWaiting else { return self.drops.count(.queueFull) }
      // A copy: the data must not keep the storage of a whole read while it waits.
      waiting.append(ByteBuffer(bytes: data.readableBytesView))
      self.state = .asking(attempt, waiting: waiting)
    case .open(let association):
      // Counted where it is dropped.
      guard (try? association.send(data, to: self.configuration.target)) != nil else { return }
      self.octetsSent += UInt64(data.readableBytes)
    case .ready, .ended: break
    }
  }

  private func associated(_ association: AssociationSession) {
    guard case .asking(_, let waiting) = self.state else { return association.close() }
    self.state = .open(association)
    let agreed = association.protection?.summary ?? "without protection"
    self.logger.info("session began", metadata: ["agreed": "\(agreed)"])
    association.onDatagram = { self.received($0) }
    association.onEnd = { self.ended($0, association) }
    for data in waiting { self.send(data) }
  }

  private func failed(_ error: ProxyConnectorError) {
    guard case .asking = self.state else { return }
    self.state = .ended
    self.logger.error("\(error)")
    self.onEnd(true)
  }

  private func received(_ datagram: ProxiedDatagram) {
    guard self.isFromTarget(datagram.source) else { return self.drops.count(.unaskedSource) }
    self.octetsReceived += UInt64(datagram.data.readableBytes)
    self.onAnswer(datagram.data)
  }

  /// Where the target is a name, only the gateway knows its address; it lets nobody answer who was not asked.
  private func isFromTarget(_ source: SOCKSAddress) -> Bool {
    let target = self.configuration.target
    guard case .address = target.host else { return source.port == target.port }
    return source == target
  }

  private func ended(_ error: SOCKSError, _ association: AssociationSession) {
    self.state = .ended
    let end = association.end(for: error)
    var metadata = end.fields(of: .bridge)
    metadata["bytes_up"] = "\(self.octetsSent)"
    metadata["bytes_down"] = "\(self.octetsReceived)"
    metadata["dropped"] = "\(self.drops.merging(association.counts.drops))"
    self.logger.log(level: end.levelForItsUser, "session ended", metadata: metadata)
    self.onEnd(false)
  }

  func close() {
    switch self.state {
    case .asking(let attempt, _):
      self.state = .ended
      attempt.giveUp()
    case .open(let association): association.close()
    case .ready, .ended: break
    }
  }
}
