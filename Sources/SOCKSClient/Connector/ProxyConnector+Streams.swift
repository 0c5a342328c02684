public import NIOCore
public import SOCKSCore

extension ProxyConnector {
  /// Connects, lends the two streams, and closes the connection however `body` ends.
  ///
  /// Finishing the writer ends the stream to the target; reading goes on until the target ends its own.
  ///
  /// - Throws: ``ProxyConnectorError``, what the streams throw, and what `body` throws.
  public func withConnection<Result>(
    to target: SOCKSAddress,
    _ body: (NIOAsyncChannelInboundStream<ByteBuffer>, NIOAsyncChannelOutboundWriter<ByteBuffer>) async throws -> Result
  ) async throws -> Result {
    try await self.connect(to: target).withStreams(body)
  }
}

extension ProxiedChannel {
  /// Lends the two streams, and closes the connection however `body` ends. To be used once, before anything is read.
  ///
  /// - Throws: what the streams throw, and what `body` throws.
  public func withStreams<Result>(
    _ body: (NIOAsyncChannelInboundStream<ByteBuffer>, NIOAsyncChannelOutboundWriter<ByteBuffer>) async throws -> Result
  ) async throws -> Result {
    let channel = self.channel
    let streams = try await channel.eventLoop.submit {
      let streams = try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
        wrappingChannelSynchronously: channel,
        configuration: NIOAsyncChannel.Configuration(isOutboundHalfClosureEnabled: true))
      // From here on the streams' demand decides when to read.
      try channel.syncOptions?.setOption(.autoRead, value: true)
      return streams
    }.get()
    return try await streams.executeThenClose(body)
  }
}
