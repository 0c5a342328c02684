public import SOCKSCore

/// The answer to one password. It is given on the channel's event loop, once, at any time: one that is given while the
/// password is still being reported takes effect in the loop's next turn. After the connection's end it has no effect.
public final class PasswordAnswer {
  private weak var handler: ServerNegotiationHandler?

  init(to handler: ServerNegotiationHandler) { self.handler = handler }

  public func finish(_ outcome: PasswordOutcome) {
    let handler = self.handler
    self.handler = nil
    handler?.passwordChecked(outcome)
  }
}
