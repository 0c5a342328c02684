import NIOCore
import Platform
import SOCKSCore

/// Passes on the local datagrams that come from processes of the right user. Belongs to one event loop.
///
/// The kernel's tables say whose a sender's socket is. They are read elsewhere, and a sender that is not known yet waits for
/// that, a few milliseconds; its datagrams wait with it. What one sender does has no effect on another's: an answer is
/// about one sender, and where too many wait, it is left to chance who does.
final class LocalDatagramSource {
  typealias Read = (_ completion: @escaping (_ owners: DatagramOwners, _ begun: NIODeadline) -> Void) -> Void
  typealias Datagram = AddressedEnvelope<ByteBuffer>

  /// For how long a yes holds: a port may change hands.
  static let answerTime: TimeAmount = .seconds(1)
  /// After so much of it the kernel is asked again, so that a sender that goes on never waits.
  static let renewalTime: TimeAmount = .milliseconds(500)
  /// For how long the tables tell whose a further sender's socket is.
  static let tableTime: TimeAmount = .milliseconds(20)
  /// Senders that are remembered, and senders that wait.
  static let maximumSenders = 1_024
  /// Datagrams of one sender that wait.
  static let maximumWaiting = 16
  /// Bytes of all datagrams that wait.
  static let maximumWaitingBytes = 1_024 * 1_024

  private struct Known {
    /// When the kernel last said yes.
    var checked: NIODeadline
    var used: NIODeadline
  }

  private struct Waiting {
    var since: NIODeadline
    var datagrams: [Datagram] = []
    var bytes: Int { self.datagrams.reduce(0) { $0 + $1.data.readableBytes } }
  }

  private let user: UserID
  private let receiver: SocketEndpoint
  private let eventLoop: any EventLoop
  private let read: Read
  private var known: [SocketAddress: Known] = [:]
  private var waiting: [SocketAddress: Waiting] = [:]
  private var waitingBytes = 0
  private var tables: (owners: DatagramOwners, begun: NIODeadline)?
  private var isReading = false

  /// Called with what may be used.
  var onDatagram: (Datagram) -> Void = { _ in }
  /// Called for each datagram that is dropped: `foreignSource` when it is not known to be the user's, `queueFull` when too
  /// many wait.
  var onDrop: (DatagramDrop) -> Void = { _ in }

  /// - Parameters:
  ///   - receiver: the address of the socket that gets the datagrams.
  ///   - read: reads the tables, and calls back on the event loop. Nil for the system's.
  init(user: UserID, receiver: SocketEndpoint, eventLoop: any EventLoop, read: Read? = nil) {
    self.user = user
    self.receiver = receiver
    self.eventLoop = eventLoop
    self.read =
      read ?? { completion in
        let bound = NIOLoopBound(completion, eventLoop: eventLoop)
        DatagramOwnerReader.shared.read(on: eventLoop) { bound.value($0, $1) }
      }
  }

  /// Senders that wait.
  var waitingCount: Int { self.waiting.count }

  func receive(_ datagram: Datagram) {
    let (sender, now) = (datagram.remoteAddress, self.eventLoop.now)
    if let known = self.known[sender], now - known.checked < Self.answerTime {
      self.known[sender]?.used = now
      if now - known.checked >= Self.renewalTime { self.readTables() }
      return self.onDatagram(datagram)
    }
    if self.waiting[sender] == nil, let tables = self.tables, now - tables.begun < Self.tableTime {
      switch tables.owners.answer(sender, self.receiver) {
      case .user(self.user):
        self.remember(sender, tables.begun, now)
        return self.onDatagram(datagram)
      case .user, .uncertain: return self.onDrop(.foreignSource)
      // Its socket may be newer than the tables.
      case .nobody: break
      }
    }
    self.wait(datagram, now)
  }

  // MARK: Waiting

  private func wait(_ datagram: Datagram, _ now: NIODeadline) {
    if self.waiting[datagram.remoteAddress] == nil, self.waiting.count >= Self.maximumSenders,
      let (victim, _) = self.waiting.randomElement()
    {
      self.forget(victim, .queueFull)
    }
    var waiting = self.waiting[datagram.remoteAddress] ?? Waiting(since: now)
    let bytes = datagram.data.readableBytes
    guard waiting.datagrams.count < Self.maximumWaiting, self.waitingBytes + bytes <= Self.maximumWaitingBytes else {
      return self.onDrop(.queueFull)
    }
    // A copy: it must not keep the memory that the next datagrams are read into.
    let data = ByteBuffer(bytes: datagram.data.readableBytesView)
    waiting.datagrams.append(AddressedEnvelope(remoteAddress: datagram.remoteAddress, data: data))
    self.waiting[datagram.remoteAddress] = waiting
    self.waitingBytes += bytes
    self.readTables()
  }

  private func forget(_ sender: SocketAddress, _ reason: DatagramDrop) {
    guard let waiting = self.waiting.removeValue(forKey: sender) else { return }
    self.waitingBytes -= waiting.bytes
    for _ in waiting.datagrams { self.onDrop(reason) }
  }

  private func readTables() {
    guard !self.isReading else { return }
    self.isReading = true
    self.read { [weak self] owners, begun in self?.haveRead(owners, begun) }
  }

  private func haveRead(_ owners: DatagramOwners, _ begun: NIODeadline) {
    self.isReading = false
    self.keep(owners, begun)
    let now = self.eventLoop.now
    for (sender, known) in self.known {
      let isStill = owners.answer(sender, self.receiver) == .user(self.user)
      self.known[sender] = isStill && now - known.used < Self.answerTime ? Known(checked: begun, used: known.used) : nil
    }
    for (sender, waiting) in self.waiting {
      switch owners.answer(sender, self.receiver) {
      case .user(self.user):
        self.remember(sender, begun, now)
        self.waiting[sender] = nil
        self.waitingBytes -= waiting.bytes
        for datagram in waiting.datagrams { self.onDatagram(datagram) }
      case .nobody where waiting.since > begun: break
      case .user, .uncertain, .nobody: self.forget(sender, .foreignSource)
      }
    }
    if !self.waiting.isEmpty { self.readTables() }
  }

  /// The tables may be long: they are not kept longer than they are good for.
  private func keep(_ owners: DatagramOwners, _ begun: NIODeadline) {
    self.tables = (owners, begun)
    self.eventLoop.assumeIsolated().scheduleTask(in: Self.tableTime) { [weak self] in
      guard let self, let tables = self.tables, self.eventLoop.now - tables.begun >= Self.tableTime else { return }
      self.tables = nil
    }
  }

  private func remember(_ sender: SocketAddress, _ checked: NIODeadline, _ now: NIODeadline) {
    if self.known[sender] == nil, self.known.count >= Self.maximumSenders {
      guard let victim = self.known.min(by: { $0.value.used < $1.value.used })?.key else { return }
      self.known[victim] = nil
    }
    self.known[sender] = Known(checked: checked, used: now)
  }
}

extension DatagramOwners {
  fileprivate func answer(_ sender: SocketAddress, _ receiver: SocketEndpoint) -> Answer {
    sender.endpoint.map { self.owner(sender: $0, receiver: receiver) } ?? .uncertain
  }
}
