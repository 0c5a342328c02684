import Logging
import NIOCore
import Platform
import ProxySession
import SOCKSCore
import SOCKSNIO

/// UDP ASSOCIATE: unprotected datagrams from a local program to a socket of the bridge's, and protected ones to the gateway.
///
/// It takes datagrams from one port of the local program: the one that it has asked for, or else the first that sends a
/// good one; and only while the kernel says that the port is the right user's. Fragments are dropped, both ways.
final class BridgedAssociation: BridgedRequest {
  private enum State {
    case ready
    case asking(ConnectionAttempt)
    case binding(AssociationSession)
    case open(AssociationSession, socket: any Channel)
    case ended
  }

  private let requested: SOCKSAddress
  /// The session lets go of this when its connection has closed.
  private let session: BridgeSession
  private var state: State = .ready

  private var source: LocalDatagramSource?
  private var hasWarned = false
  /// Where the local program's datagrams come from, once it is known.
  private var program: SocketAddress?
  private var drops = DatagramDrops()
  private var octetsSent: UInt64 = 0
  private var octetsReceived: UInt64 = 0
  private var agreed = ""

  init(_ destination: SOCKSAddress, of session: BridgeSession) {
    self.requested = destination
    self.session = session
  }

  func begin(answer: @escaping (Result<SOCKSAddress, ProxyConnectorError>) -> Void) {
    let attempt = self.session.makeAttempt()
    self.state = .asking(attempt)
    self.session.connector.associate(attempt) { result in
      switch result {
      case .success(let association): self.associated(association, answer)
      case .failure(let error):
        self.state = .ended
        answer(.failure(error))
      }
    }
  }

  private func associated(
    _ association: AssociationSession, _ answer: @escaping (Result<SOCKSAddress, ProxyConnectorError>) -> Void
  ) {
    // The local program may have gone.
    guard case .asking = self.state, let local = self.session.channel.localAddress else { return association.close() }
    self.state = .binding(association)
    association.onEnd = { self.associationEnded($0, association) }
    association.onDatagram = { self.received($0) }
    DatagramSocket.bind(
      to: local.with(port: 0), on: self.session.channel.eventLoop, memory: self.session.connector.datagramMemory
    ).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let socket): self.bound(socket, association, answer)
      case .failure(let error): self.couldNotBind(error, association, answer)
      }
    }
  }

  private func couldNotBind(
    _ error: any Error, _ association: AssociationSession,
    _ answer: (Result<SOCKSAddress, ProxyConnectorError>) -> Void
  ) {
    guard case .binding = self.state else { return }
    self.state = .ended
    association.onEnd = { _ in }
    association.close()
    answer(.failure(self.session.described(error)))
  }

  private func bound(
    _ socket: any Channel, _ association: AssociationSession,
    _ answer: (Result<SOCKSAddress, ProxyConnectorError>) -> Void
  ) {
    guard case .binding = self.state, let address = socket.localAddress, let receiver = address.endpoint,
      let bound = SOCKSAddress(address)
    else { return socket.close(promise: nil) }
    do {
      try self.session.descriptors.take(for: socket)
      try socket.pipeline.syncOperations.addHandler(BridgedSocketHandler(self))
    } catch {
      socket.close(promise: nil)
      return self.couldNotBind(error, association, answer)
    }
    self.state = .open(association, socket: socket)
    let source = LocalDatagramSource(
      user: self.session.user, receiver: receiver, eventLoop: self.session.channel.eventLoop)
    source.onDatagram = { [weak self] in self?.admitted($0) }
    source.onDrop = { [weak self] in self?.dropped($0) }
    self.source = source
    self.agreed = association.protection.map(\.summary) ?? "without protection"
    answer(.success(bound))
  }

  var awaitsGateway: Bool {
    switch self.state {
    case .ready, .asking, .binding: true
    case .open, .ended: false
    }
  }

  func replied(_ start: ServerNegotiationHandover) {
    guard case .open = self.state else { return start.context.close(promise: nil) }
    self.session.relayBegins(agreed: self.agreed)
    let pipeline = start.context.pipeline.syncOperations
    do {
      // The channel's end is this association's.
      try pipeline.addHandler(
        AssociationControlHandler { [weak session = self.session] error in
          session?.settle(
            error.code == .connectionClosed
              ? SessionEnd(.completed, by: .client) : SessionEnd(error, from: .client, in: .relaying))
        }, position: .after(start.handler))
    } catch {
      return start.context.close(promise: nil)
    }
    pipeline.removeHandler(start.handler, promise: nil)
    if start.inputClosed || start.earlyData.readableBytes > 0 { self.session.channel.close(promise: nil) }
  }

  func abandon() {
    let state = self.state
    self.state = .ended
    switch state {
    case .asking(let attempt): attempt.giveUp()
    case .binding(let association):
      association.onEnd = { _ in }
      association.close()
    case .open(let association, let socket):
      socket.close(promise: nil)
      association.close()
    case .ready, .ended: break
    }
  }

  private func associationEnded(_ error: SOCKSError, _ association: AssociationSession) {
    self.session.record.bytesUp = self.octetsSent
    self.session.record.bytesDown = self.octetsReceived
    self.session.record.drops = self.drops.merging(association.counts.drops)
    self.session.settle(association.end(for: error))
    // Within the loop's turn, whichever side has ended.
    self.session.channel.close(promise: nil)
  }

  // MARK: Datagrams

  fileprivate func received(_ envelope: AddressedEnvelope<ByteBuffer>) {
    guard self.isFromProgram(envelope.remoteAddress) else { return self.drops.count(.foreignSource) }
    self.source?.receive(envelope)
  }

  /// A datagram of the user's.
  private func admitted(_ envelope: AddressedEnvelope<ByteBuffer>) {
    guard case .open(let association, _) = self.state else { return }
    do throws(DatagramDrop) {
      // Another one may have been the first meanwhile.
      guard self.isFromProgram(envelope.remoteAddress) else { throw .foreignSource }
      var data = envelope.data
      let header: UDPRequestHeader
      do throws(SOCKSError) { header = try UDPRequestHeader.decode(from: &data) } catch { throw .malformedHeader }
      guard header.fragment == 0x00 else { throw .fragment }
      self.program = envelope.remoteAddress
      try association.send(data, to: header.destination)
      self.octetsSent += UInt64(data.readableBytes)
    } catch {
      self.drops.count(error)
    }
  }

  private func dropped(_ reason: DatagramDrop) {
    self.drops.count(reason)
    guard reason == .foreignSource, !self.hasWarned else { return }
    self.hasWarned = true
    self.session.logger.warning(DatagramOwnerReader.refusal)
  }

  /// "The server MAY use this information to limit access to the association" (RFC 1928 section 4).
  private func isFromProgram(_ sender: SocketAddress) -> Bool {
    if let program = self.program { return sender == program }
    guard let peer = self.session.channel.remoteAddress.flatMap(IPAddress.init), IPAddress(sender) == peer else {
      return false
    }
    guard self.requested.host == .address(peer), self.requested.port > 0 else { return true }
    return sender.port == Int(self.requested.port)
  }

  private func received(_ datagram: ProxiedDatagram) {
    guard case .open(_, let socket) = self.state else { return }
    guard let program = self.program else { return self.drops.count(.unknownClient) }
    guard socket.isWritable else { return self.drops.count(.queueFull) }
    self.octetsReceived += UInt64(datagram.data.readableBytes)
    var octets = ByteBuffer()
    UDPRequestHeader(destination: datagram.source).encode(into: &octets)
    octets.writeImmutableBuffer(datagram.data)
    socket.writeAndFlush(AddressedEnvelope(remoteAddress: program, data: octets), promise: nil)
  }
}

private final class BridgedSocketHandler: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>

  private weak var association: BridgedAssociation?

  init(_ association: BridgedAssociation) { self.association = association }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.association?.received(self.unwrapInboundIn(data))
  }

  /// The system's word on a datagram: the association goes on.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
