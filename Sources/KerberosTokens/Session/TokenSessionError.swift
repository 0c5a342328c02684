/// Why a session could not be made, or could not wrap. Wrapping is over then, and with it the session.
public enum TokenSessionError: Error, Hashable, Sendable {
  /// The key has not the length of its type.
  case wrongKeyLength
  /// A piece is not in the plaintext, or its token would be longer than ``TokenSession/maximumTokenLength``.
  case wrongPiece
  /// Too little room for the tokens and the spare octets behind them. Nothing was spent: the session goes on.
  case tooLittleRoom
  /// The 64-bit numbers are used up.
  case numbersUsedUp
  /// The cipher provider failed.
  case cipherFailed
  /// An earlier wrapping failed.
  case sendingIsOver
}
