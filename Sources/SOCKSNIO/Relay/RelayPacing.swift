import NIOCore
import SOCKSCore

/// The turns that a throttle gives one relay, and what has come without one.
///
/// A read waits for its turn. But a peer that ends its stream has everything delivered that the system held, whether or not
/// a read was asked for, and a client may send data ahead of the reply: such data waits here, and passes a read's worth
/// at a time. It is bounded by what one receive queue of the system holds (`net.ipv4.tcp_rmem`) and what the negotiation
/// takes of early data.
struct RelayPacing {
  /// One direction, named by the side that it comes from.
  struct Lane {
    /// The machine wants a read.
    var wantsRead = false
    /// A read was asked for when it was its turn, and has not ended.
    var isReading = false
    /// A turn has been given, and its time has not come.
    var isWaiting = false
    fileprivate var held: CircularBuffer<ByteBuffer> = []

    var holdsData: Bool { !self.held.isEmpty }

    mutating func hold(_ data: ByteBuffer) {
      if data.readableBytes > 0 { self.held.append(data) }
    }

    /// The next bytes of what is held; nil when nothing is.
    mutating func release(_ limit: Int) -> ByteBuffer? {
      guard var first = self.held.popFirst() else { return nil }
      guard first.readableBytes > limit, let part = first.readSlice(length: max(1, limit)) else { return first }
      self.held.prepend(first)
      return part
    }
  }

  private var fromClient = Lane()
  private var fromTarget = Lane()

  /// Somebody waits for a turn: the silence is the throttle's.
  var isWaiting: Bool { self.fromClient.isWaiting || self.fromTarget.isWaiting }

  subscript(_ side: StreamRelay.Side) -> Lane {
    get { side == .client ? self.fromClient : self.fromTarget }
    _modify {
      switch side {
      case .client: yield &self.fromClient
      case .target: yield &self.fromTarget
      }
    }
  }
}
