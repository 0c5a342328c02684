import NIOCore
import ProxySession
import SOCKSCore
import SOCKSNIO

extension Session {
  /// A relay whose end is entered in the session's record. From now on the session has the bandwidths and the time of its
  /// grant.
  func makeRelay(under grant: Grant) -> StreamRelaySession {
    self.limitLength(to: self.length(under: grant))
    self.relayBegins()
    return StreamRelaySession(
      eventLoop: self.channel.eventLoop, limits: self.services.relay, timers: self.timers,
      throttle: self.makeThrottle(under: grant)
    ) { end in
      // Keeps the session until the relay has ended.
      self.relayEnded(end)
    }
  }

  /// Takes the negotiation's place in the client's pipeline, and relays between client and target.
  func begin(_ relay: StreamRelaySession, _ start: ServerNegotiationHandover, with target: any Channel) {
    do {
      let pipeline = start.context.pipeline.syncOperations
      try pipeline.addHandler(relay.handler(for: .client), position: .after(start.handler))
      try target.pipeline.syncOperations.addHandler(relay.handler(for: .target))
      pipeline.removeHandler(start.handler, promise: nil)
    } catch {
      self.settle(SessionEnd(SOCKSError(transport: error), from: .client, in: .relaying))
      relay.end()
      target.close(promise: nil)
      return start.context.channel.close(promise: nil)
    }
    relay.begin(earlyData: start.earlyData, inputClosed: start.inputClosed)
  }
}
