/// What one step of an establishment came to.
public enum GSSStep<Pending: ~Copyable & Sendable>: ~Copyable, Sendable {
  /// The peer must answer: send the token and step `Pending` with what comes back. The token may be empty.
  case continueNeeded(Pending, token: [UInt8])

  /// The context is established. The peer still needs the token, if there is one.
  case complete(GSSSecurityContext, token: [UInt8]?)
}
