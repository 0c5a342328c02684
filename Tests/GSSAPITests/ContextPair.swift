import GSSAPI

/// Both ends of an established context.
struct ContextPair: ~Copyable {
  var initiator: GSSSecurityContext
  var acceptor: GSSSecurityContext
  /// Tokens that crossed, in order.
  let tokens: [[UInt8]]

  /// Lets the two step until both stand.
  init(_ initiator: consuming GSSInitiator, _ acceptor: consuming GSSAcceptor) throws {
    self = try Self.initiate(initiator, nil, acceptor, [])
  }

  private init(_ initiator: consuming GSSSecurityContext, _ acceptor: consuming GSSSecurityContext, _ tokens: [[UInt8]])
  {
    self.initiator = initiator
    self.acceptor = acceptor
    self.tokens = tokens
  }

  struct Stuck: Error {}

  private static func initiate(
    _ initiator: consuming GSSInitiator, _ token: [UInt8]?, _ acceptor: consuming GSSAcceptor, _ tokens: [[UInt8]]
  ) throws -> ContextPair {
    switch try initiator.step(token) {
    case .continueNeeded(let next, let answer):
      return try accept(acceptor, answer, next, tokens + [answer])
    case .complete(let context, let answer):
      guard let answer else { throw Stuck() }
      guard case .complete(let other, _) = try acceptor.step(answer) else { throw Stuck() }
      return ContextPair(context, other, tokens + [answer])
    }
  }

  private static func accept(
    _ acceptor: consuming GSSAcceptor, _ token: [UInt8], _ initiator: consuming GSSInitiator, _ tokens: [[UInt8]]
  ) throws -> ContextPair {
    switch try acceptor.step(token) {
    case .continueNeeded(let next, let answer):
      return try initiate(initiator, answer, next, tokens + [answer])
    case .complete(let context, let answer):
      guard let answer else { throw Stuck() }
      guard case .complete(let other, _) = try initiator.step(answer) else { throw Stuck() }
      return ContextPair(other, context, tokens + [answer])
    }
  }
}
