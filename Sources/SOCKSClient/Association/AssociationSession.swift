import NIOCore
import NIOPosix
import ProxySession
import SOCKSCore
import SOCKSNIO

/// A UDP association with the gateway (RFC 1928 section 7): the control connection, the socket, and the count of what was
/// dropped. Belongs to the control connection's event loop.
///
/// Nobody is ever told of a datagram that was dropped: neither the gateway nor a target.
final class AssociationSession {
  private enum State {
    case open
    case ended
  }

  let protection: AgreedProtection?
  /// The gateway's end of the association.
  let relay: SOCKSAddress
  private let control: any Channel
  private let socket: any Channel
  private let relaySocketAddress: SocketAddress
  private let datagrams: DatagramProtection
  let counts = AssociationCounts()
  private var state: State = .open

  /// Called on the event loop with what has come, checked and opened.
  var onDatagram: (ProxiedDatagram) -> Void = { _ in }
  /// Called once, on the event loop: the association is over. The error says why, with code `connectionClosed` for an
  /// ordinary end of the control connection.
  var onEnd: (SOCKSError) -> Void = { _ in }
  let ticket: TicketEnd

  /// - Parameters:
  ///   - control: the connection of the request; its end is the association's.
  ///   - socket: a datagram channel on the same event loop.
  init(
    control: any Channel, socket: any Channel, relay: SocketAddress, datagrams: DatagramProtection,
    protection: AgreedProtection?
  ) throws {
    self.control = control
    self.socket = socket
    self.relaySocketAddress = relay
    self.relay = SOCKSAddress(relay) ?? .unspecified
    self.datagrams = datagrams
    self.protection = protection
    self.ticket = TicketEnd(protection, now: control.eventLoop.now)
    try socket.pipeline.syncOperations.addHandler(AssociationSocketHandler(session: self))
  }

  var eventLoop: any EventLoop { self.control.eventLoop }

  /// Octets of datagrams that may wait to be sent; further ones are dropped.
  static let maximumWaiting = 1_024 * 1_024

  /// Sends data to a target through the gateway.
  ///
  /// - Throws: why it was dropped; it has been counted.
  func send(_ data: ByteBuffer, to target: SOCKSAddress) throws(DatagramDrop) {
    do throws(DatagramDrop) {
      guard self.state == .open, self.socket.isActive else { throw .notSent }
      guard self.socket.isWritable else { throw .queueFull }
      let target = SOCKSAddress(host: target.host.converted, port: target.port)
      if case .malformed = target.host { throw .malformedName }
      var datagram = ByteBuffer()
      try self.datagrams.protect(data, header: UDPRequestHeader(destination: target), into: &datagram)
      let sent = self.eventLoop.makePromise(of: Void.self)
      sent.futureResult.whenFailure { [counts = self.counts] _ in counts.count(.notSent) }
      self.socket.writeAndFlush(
        AddressedEnvelope(remoteAddress: self.relaySocketAddress, data: datagram), promise: sent)
    } catch {
      self.counts.count(error)
      throw error
    }
  }

  /// Ends the association, and the control connection with it.
  func close() { self.end(SOCKSError(.connectionClosed, "the association was closed")) }

  func end(_ error: SOCKSError) {
    guard self.state == .open else { return }
    self.state = .ended
    self.socket.close(promise: nil)
    self.control.close(promise: nil)
    let onEnd = self.onEnd
    self.onEnd = { _ in }
    self.onDatagram = { _ in }
    onEnd(error)
  }

  // MARK: Received

  func received(_ envelope: AddressedEnvelope<ByteBuffer>) {
    guard self.state == .open else { return }
    do throws(DatagramDrop) {
      // Before any work: anybody can send here.
      guard SOCKSAddress(envelope.remoteAddress) == self.relay else { throw .foreignSource }
      let (header, data) = try self.datagrams.open(envelope.data)
      guard header.fragment == 0x00 else { throw .fragment }
      if case .malformed = header.destination.host { throw .malformedHeader }
      self.onDatagram(ProxiedDatagram(source: header.destination, data: data))
    } catch {
      self.counts.count(error)
    }
  }

  func count(_ reason: DatagramDrop) { self.counts.count(reason) }
}

/// Passes what the socket gets to the session.
private final class AssociationSocketHandler: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>

  private weak var session: AssociationSession?

  init(session: AssociationSession) { self.session = session }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { self.session?.received(self.unwrapInboundIn(data)) }

  func channelInactive(context: ChannelHandlerContext) {
    self.session?.end(SOCKSError(.connectionClosed, "the association's socket was closed"))
    context.fireChannelInactive()
  }

  /// The system's word on a datagram, such as an unreachable port: the association goes on.
  func errorCaught(context: ChannelHandlerContext, error: any Error) { self.session?.count(.notSent) }
}
