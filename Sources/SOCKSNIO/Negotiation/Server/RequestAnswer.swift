public import SOCKSCore

/// The answer to one request. It is given on the channel's event loop, once, at any time: one that is given while the
/// request is still being reported takes effect in the loop's next turn. After the connection's end it has no effect.
public final class RequestAnswer {
  private enum State {
    case due
    case announced
    case given
  }

  private weak var handler: ServerNegotiationHandler?
  private var state: State = .due

  init(to handler: ServerNegotiationHandler) { self.handler = handler }

  /// The first of BIND's two replies: the address that is listened on. Not for another command, and only once.
  public func announce(_ bound: SOCKSAddress) {
    switch self.state {
    case .due:
      self.state = .announced
      self.handler?.announced(bound)
    case .announced, .given: break
    }
  }

  /// The reply, BIND's second one; one that says no may come at any time.
  public func finish(_ reply: SOCKSReply) {
    switch self.state {
    case .due, .announced:
      self.state = .given
      self.handler?.requestFinished(reply)
    case .given: break
    }
  }
}
