import NIOCore
import SOCKSCore

/// Context establishment of the fake mechanism: the client's token of round n is `43 n`, the server's `53 n`.
struct FakeContext: Hashable {
  /// Tokens that the client sends: 1 for Kerberos.
  var rounds: UInt8 = 1
  /// Whether the server's last step returns a token, as with mutual authentication; else it says "ready".
  var serverHasLastToken = true
  var attributes = SecurityContextAttributes.strong

  private var round: UInt8 = 0

  init(
    rounds: UInt8 = 1, serverHasLastToken: Bool = true, attributes: SecurityContextAttributes = .strong
  ) {
    self.rounds = rounds
    self.serverHasLastToken = serverHasLastToken
    self.attributes = attributes
  }

  static func clientToken(_ round: UInt8) -> [UInt8] { [FakeToken.Sender.client.rawValue, round] }
  static func serverToken(_ round: UInt8) -> [UInt8] { [FakeToken.Sender.server.rawValue, round] }

  mutating func accept(_ token: ByteBuffer) -> ContextStepResult {
    self.round += 1
    guard token.octets == Self.clientToken(self.round) else { return .failed(SOCKSError(.contextFailed)) }
    let answer = ByteBuffer(bytes: Self.serverToken(self.round))
    guard self.round == self.rounds else { return .continueNeeded(token: answer) }
    return .complete(self.attributes, token: self.serverHasLastToken ? answer : nil)
  }

  mutating func initiate(_ token: ByteBuffer?) -> ContextStepResult {
    if let token, token.octets != Self.serverToken(self.round) { return .failed(SOCKSError(.contextFailed)) }
    self.round += 1
    let mine = ByteBuffer(bytes: Self.clientToken(self.round))
    if self.round > self.rounds { return .complete(self.attributes, token: nil) }
    if self.round == self.rounds, !self.serverHasLastToken { return .complete(self.attributes, token: mine) }
    return .continueNeeded(token: mine)
  }
}
