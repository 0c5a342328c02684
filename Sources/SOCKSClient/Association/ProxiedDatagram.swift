public import NIOCore
public import SOCKSCore

/// A datagram that came through a gateway.
public struct ProxiedDatagram: Hashable, Sendable {
  /// Who has sent it, as the gateway says.
  public var source: SOCKSAddress
  public var data: ByteBuffer

  public init(source: SOCKSAddress, data: ByteBuffer) {
    self.source = source
    self.data = data
  }
}
