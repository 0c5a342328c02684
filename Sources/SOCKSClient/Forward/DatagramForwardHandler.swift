import Logging
import NIOCore
import Platform
import SOCKSCore
import SOCKSNIO

/// The local socket of a ``DatagramForward``: keeps an association for each sender.
final class DatagramForwardHandler: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>

  /// After an association that did not come about, nobody gets one for this long: a gateway that is down is not asked
  /// for every datagram.
  static let pauseAfterFailure: TimeAmount = .seconds(1)
  /// How often senders are looked through for idle ones.
  private static let round: TimeAmount = .seconds(1)

  private let configuration: DatagramForward.Configuration
  private let connector: ProxyConnector
  private let logger: Logger
  private let table: ForwardedSenders
  private var senders: [SocketAddress: ForwardedSender] {
    get { self.table.senders }
    _modify { yield &self.table.senders }
  }
  private var source: LocalDatagramSource?
  private var nextNumber: UInt64 = 1
  private var pausesUntil: NIODeadline?
  private var lastWarning: NIODeadline?
  private var timer: Scheduled<Void>?
  private var context: ChannelHandlerContext?

  /// - Parameter senders: those of all sockets of the forward.
  init(
    _ configuration: DatagramForward.Configuration, connector: ProxyConnector, senders: ForwardedSenders, logger: Logger
  ) {
    self.table = senders
    self.configuration = configuration
    self.connector = connector
    self.logger = logger
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    self.source = context.channel.localAddress?.endpoint.map {
      LocalDatagramSource(user: self.configuration.user, receiver: $0, eventLoop: context.eventLoop)
    }
    self.source?.onDatagram = { [weak self] in self?.received($0) }
    self.source?.onDrop = { [weak self] reason in
      guard reason == .foreignSource else { return }
      self?.warn(DatagramOwnerReader.refusal, context.eventLoop.now)
    }
    self.scheduleRound(context)
  }

  private func scheduleRound(_ context: ChannelHandlerContext) {
    self.timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.round) { [weak self] in self?.closeIdle() }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    self.source = nil
    self.timer?.cancel()
    self.timer = nil
    for sender in self.senders.values { sender.close() }
    self.senders = [:]
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.source?.receive(self.unwrapInboundIn(data))
  }

  /// A datagram of the user's.
  private func received(_ envelope: AddressedEnvelope<ByteBuffer>) {
    guard let context = self.context else { return }
    let address = envelope.remoteAddress
    guard let sender = self.senders[address] ?? self.makeSender(address, context) else { return }
    sender.lastActivity = context.eventLoop.now
    sender.send(envelope.data)
  }

  /// The system's word on a datagram: the others are not concerned.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {}

  private func makeSender(_ address: SocketAddress, _ context: ChannelHandlerContext) -> ForwardedSender? {
    let now = context.eventLoop.now
    if let pausesUntil = self.pausesUntil, now < pausesUntil { return nil }
    if self.senders.count >= max(1, self.configuration.maximumSenders) { self.closeLongestIdle() }
    var logger = self.logger
    logger[metadataKey: "session"] = .marked("\(self.nextNumber)", .reserved)
    self.nextNumber += 1
    let sender = ForwardedSender(self.configuration, eventLoop: context.eventLoop, logger: logger)
    sender.onAnswer = { [weak self] data in self?.answer(data, to: address) }
    sender.onEnd = { [weak self, weak sender] hasFailed in
      guard let self else { return }
      if hasFailed { self.pausesUntil = context.eventLoop.now + Self.pauseAfterFailure }
      // Its place may have been taken.
      if self.senders[address] === sender { self.senders[address] = nil }
    }
    self.senders[address] = sender
    sender.begin(self.connector)
    return sender
  }

  private func answer(_ data: ByteBuffer, to address: SocketAddress) {
    guard let context = self.context, context.channel.isWritable else { return }
    self.senders[address]?.lastActivity = context.eventLoop.now
    context.writeAndFlush(NIOAny(AddressedEnvelope(remoteAddress: address, data: data)), promise: nil)
  }

  private func closeIdle() {
    guard let context = self.context else { return }
    let now = context.eventLoop.now
    for (address, sender) in self.senders where now - sender.lastActivity >= self.configuration.idleTimeout {
      self.senders[address] = nil
      sender.close()
    }
    self.scheduleRound(context)
  }

  private func closeLongestIdle() {
    guard let (address, sender) = self.senders.min(by: { $0.value.lastActivity < $1.value.lastActivity }) else {
      return
    }
    self.senders[address] = nil
    sender.close()
  }

  /// At most one line in a while: anybody on this machine can send.
  private func warn(_ message: Logger.Message, _ now: NIODeadline) {
    if let lastWarning = self.lastWarning, now - lastWarning < .seconds(10) { return }
    self.lastWarning = now
    self.logger.warning(message)
  }
}
