public import NIOCore

/// What is handed over when the success reply is on its way.
public struct ServerNegotiationHandover {
  /// To be removed once its successor is in its place.
  public let handler: ServerNegotiationHandler
  public let context: ChannelHandlerContext
  /// What the client sent behind its request.
  public let earlyData: ByteBuffer
  /// The client has ended its stream behind it. Behind a BIND that is the end of everything instead.
  public let inputClosed: Bool
}
