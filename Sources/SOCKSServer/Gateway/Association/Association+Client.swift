import NIOCore
import SOCKSCore
import SOCKSNIO

/// Datagrams from the client: opened, put together, and handed on to their targets.
extension Association {
  func receivedFromClient(_ envelope: AddressedEnvelope<ByteBuffer>) {
    guard self.isRelaying else { return }
    guard self.client.admits(envelope.remoteAddress) else { return self.counts.drops.count(.foreignSource) }
    var plaintext = self.memory.fromClient.take()
    do throws(DatagramDrop) {
      try self.protection.open(envelope.data, into: &plaintext)
      let (fragment, destination) = try DatagramHeader.take(from: &plaintext)
      self.client.lock(to: envelope.remoteAddress)
      if fragment == 0x00, !self.reassembly.isCollecting {
        try self.relay(plaintext, to: destination)
      } else {
        try self.reassemble(fragment, plaintext, to: destination)
      }
    } catch {
      self.counts.drops.count(error)
    }
    // Unprotected, it is a part of what NIO has read into, and will read into again.
    if self.protection.level != nil { self.memory.fromClient.keep(plaintext) }
  }

  private func reassemble(_ fragment: UInt8, _ data: ByteBuffer, to field: ByteBuffer) throws(DatagramDrop) {
    // "an implementation that does not support fragmentation MUST drop any datagram whose FRAG field is other than X'00'"
    guard self.settings.fragments == .reassemble else { throw .fragment }
    let header = UDPRequestHeader(fragment: fragment, destination: try DatagramHeader.address(field))
    let outcome = self.reassembly.received(header, data)
    self.apply(outcome)
    if let whole = outcome.whole { try self.relay(whole, to: field) }
  }

  private func apply(_ outcome: FragmentReassembly.Outcome) {
    if outcome.abandoned > 0 { self.counts.drops.count(.fragment, datagrams: UInt64(outcome.abandoned)) }
    guard outcome.timer != .unchanged else { return }
    self.reassemblyTimer?.cancel()
    self.reassemblyTimer = nil
    guard outcome.timer == .start else { return }
    self.reassemblyTimer = self.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(FragmentReassembly.timeout)) {
      [weak self] in
      guard let self, self.isRelaying else { return }
      self.apply(self.reassembly.timerExpired())
    }
  }
}
