import NIOCore
import ProxySession
import SOCKSCore
import SOCKSNIO

/// One UDP socket of an association. Belongs to the event loop of the control connection.
///
/// There are errors of sending that NIO closes a socket for: a firewall's refusal, a network that is down for a moment.
/// They end nothing here. The socket is opened again a little later, and what should have been sent meanwhile is lost.
final class AssociationSocket {
  private enum State {
    case closed
    case opening
    case open(DatagramHandler)
    /// It has failed, and is opened again after a while.
    case resting
    case ended
  }

  /// Octets that may wait for the system to take them.
  static let writeLimit = 256 * 1_024
  /// The time from a failure to the next attempt.
  static let rest: TimeAmount = .milliseconds(100)
  /// Attempts in a row before the socket counts as gone.
  static let maximumAttempts = 10

  private let eventLoop: any EventLoop
  private let services: AssociationServices
  private let descriptors: SessionDescriptors
  private var address: SocketAddress
  private let isV6: Bool
  private var state: State = .closed
  private let received: (AddressedEnvelope<ByteBuffer>) -> Void
  private let readCompleted: () -> Void
  private let lost: () -> Void
  private let gone: () -> Void
  private var attempts = 0

  /// - Parameters:
  ///   - address: what it is bound to. A port that the system chose is kept when it is opened again.
  ///   - services: among whose own sockets it is, while it is open.
  ///   - descriptors: what counts it, while it is open.
  ///   - lost: a datagram was not sent, after ``send(_:to:)`` had taken it.
  ///   - gone: it could not be opened again. The next datagram tries once more.
  init(
    _ address: SocketAddress, services: AssociationServices, descriptors: SessionDescriptors, eventLoop: any EventLoop,
    received: @escaping (AddressedEnvelope<ByteBuffer>) -> Void, readCompleted: @escaping () -> Void,
    lost: @escaping () -> Void, gone: @escaping () -> Void
  ) {
    self.address = address
    self.services = services
    self.descriptors = descriptors
    self.isV6 = address.protocol == .inet6
    self.eventLoop = eventLoop
    self.received = received
    self.readCompleted = readCompleted
    self.lost = lost
    self.gone = gone
  }

  /// Binds the socket; the future has the address that it is bound to.
  func open() -> EventLoopFuture<SocketAddress> {
    guard case .closed = self.state else {
      return self.eventLoop.makeFailedFuture(ChannelError.inappropriateOperationForState)
    }
    self.state = .opening
    let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
    let (isV6, descriptors) = (self.isV6, self.descriptors)
    let memories = self.services.memory
    return DatagramBinding.bind(to: self.address, on: self.eventLoop) { channel in
      try descriptors.take(for: channel)
      try Self.configure(channel, isV6: isV6)
      try memories.value(of: channel.eventLoop).received.serve(channel)
      try channel.pipeline.syncOperations.addHandler(DatagramHandler(socket: bound.value))
    }
    .assumeIsolated()
    .flatMapThrowing { channel in
      let handler = try channel.pipeline.syncOperations.handler(type: DatagramHandler.self)
      return try self.opened(handler, channel)
    }
    .flatMapErrorThrowing { error in
      if case .opening = self.state { self.state = .closed }
      throw error
    }.nonisolated()
  }

  private static func configure(_ channel: any Channel, isV6: Bool) throws {
    guard let options = channel.syncOptions else { return }
    try options.setOption(.writeBufferWaterMark, value: .init(low: Self.writeLimit / 2, high: Self.writeLimit))
    // The two families have a socket each: what comes to this one never looks like IPv4.
    if isV6 { try options.setOption(ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only), value: 1) }
  }

  private func opened(_ handler: DatagramHandler, _ channel: any Channel) throws -> SocketAddress {
    guard case .opening = self.state, let address = channel.localAddress else {
      channel.close(promise: nil)
      throw ChannelError.ioOnClosedChannel
    }
    self.address = address
    self.services.insert(address)
    self.state = .open(handler)
    self.attempts = 0
    channel.closeFuture.assumeIsolated().whenComplete { _ in self.closed(handler) }
    return address
  }

  /// Writes a datagram, to be sent with the next ``flush()``.
  ///
  /// - Throws: `queueFull` when too much waits for the system, `notSent` while the socket is closed.
  func send(_ datagram: ByteBuffer, to address: SocketAddress) throws(DatagramDrop) {
    // On its own loop that takes no time.
    if case .closed = self.state {
      self.open().assumeIsolated().whenFailure { _ in self.couldNotOpen() }
    }
    switch self.state {
    case .open(let handler):
      if !handler.isWritable { handler.flush() }
      guard handler.isWritable else { throw .queueFull }
      handler.write(AddressedEnvelope(remoteAddress: address, data: datagram))
    case .closed, .opening, .resting, .ended:
      throw .notSent
    }
  }

  func flush() {
    if case .open(let handler) = self.state { handler.flush() }
  }

  /// Closes the socket for good.
  func close() {
    let state = self.state
    self.state = .ended
    guard case .open(let handler) = state else { return }
    self.services.remove(self.address)
    handler.close()
  }

  // MARK: Events

  fileprivate func received(_ envelope: AddressedEnvelope<ByteBuffer>) {
    guard case .open = self.state else { return }
    self.received(envelope)
  }

  fileprivate func completedRead() { self.readCompleted() }

  private func closed(_ handler: DatagramHandler) {
    guard case .open(let current) = self.state, current === handler else { return }
    self.services.remove(self.address)
    self.lost()
    self.takeRest()
  }

  private func couldNotOpen() {
    guard case .closed = self.state else { return }
    self.attempts += 1
    guard self.attempts < Self.maximumAttempts else {
      self.attempts = 0
      return self.gone()
    }
    self.takeRest()
  }

  private func takeRest() {
    self.state = .resting
    self.eventLoop.assumeIsolated().scheduleTask(in: Self.rest) { [weak self] in self?.reopen() }
  }

  private func reopen() {
    guard case .resting = self.state else { return }
    self.state = .closed
    self.open().assumeIsolated().whenFailure { _ in self.couldNotOpen() }
  }
}

extension AssociationServices {
  fileprivate func insert(_ socket: SocketAddress) { SOCKSAddress(socket).map(self.ownSockets.insert) }
  fileprivate func remove(_ socket: SocketAddress) { SOCKSAddress(socket).map(self.ownSockets.remove) }
}

/// The end of a datagram channel: hands over what comes, and writes what goes.
final class DatagramHandler: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>
  typealias OutboundOut = AddressedEnvelope<ByteBuffer>

  private weak var socket: AssociationSocket?
  private var context: ChannelHandlerContext?

  init(socket: AssociationSocket) { self.socket = socket }

  var isWritable: Bool { self.context?.channel.isWritable ?? false }

  func write(_ envelope: AddressedEnvelope<ByteBuffer>) {
    self.context?.write(self.wrapOutboundOut(envelope), promise: nil)
  }

  func flush() { self.context?.flush() }
  func close() { self.context?.close(promise: nil) }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.socket?.received(self.unwrapInboundIn(data))
  }

  func channelReadComplete(context: ChannelHandlerContext) { self.socket?.completedRead() }

  /// What the network says of earlier datagrams (ICMP) is about them alone.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
