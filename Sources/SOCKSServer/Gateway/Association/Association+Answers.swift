import NIOCore
import SOCKSCore
import SOCKSNIO

/// Datagrams from targets, on their way to the client.
extension Association {
  func receivedFromTarget(_ envelope: AddressedEnvelope<ByteBuffer>) {
    guard self.isRelaying else { return }
    var datagram = self.memory.fromTargets.take()
    do throws(DatagramDrop) {
      let peer = self.targets.peer(at: envelope.remoteAddress)
      let source = try self.source(peer, envelope.remoteAddress)
      guard let client = self.client.address, let socket = self.clientSocket else { throw .unknownClient }
      try self.throttle(peer?.throttle ?? self.limits?.throttle(under: nil), envelope.data, from: .target)
      try self.protection.protect(envelope.data, header: UDPRequestHeader(destination: source), into: &datagram)
      try socket.send(datagram, to: client)
      self.isBusy = true
      self.counts.datagramsFromTargets += 1
      self.counts.bytesFromTargets += UInt64(envelope.data.readableBytes)
    } catch {
      self.counts.drops.count(error)
    }
    self.memory.fromTargets.keep(datagram)
  }

  private func source(_ peer: AssociationPeer?, _ address: SocketAddress) throws(DatagramDrop) -> SOCKSAddress {
    if let peer { return peer.address }
    guard self.settings.replies == .any, let source = SOCKSAddress(address) else { throw .unaskedSource }
    return source
  }
}
