import NIOCore
import SOCKSCore

/// The application end of a channel under test: records what arrives.
final class UpperProbe: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private(set) var octets: [UInt8] = []
  private(set) var chunks: [Int] = []
  private(set) var inputCloses = 0
  private(set) var errors: [SOCKSError] = []
  private(set) var readCompletes = 0
  /// Runs when octets arrive.
  var onRead: (ChannelHandlerContext) -> Void = { _ in }
  /// Runs when a fault arrives.
  var onError: (ChannelHandlerContext) -> Void = { _ in }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let buffer = self.unwrapInboundIn(data)
    self.octets += Array(buffer.readableBytesView)
    self.chunks.append(buffer.readableBytes)
    self.onRead(context)
  }

  func channelReadComplete(context: ChannelHandlerContext) { self.readCompletes += 1 }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .some(.inputClosed) = event as? ChannelEvent { self.inputCloses += 1 }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    self.errors.append((error as? SOCKSError) ?? SOCKSError(.internalError, "\(error)"))
    self.onError(context)
  }
}
