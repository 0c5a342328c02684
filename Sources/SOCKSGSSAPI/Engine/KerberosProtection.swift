import KerberosTokens
import NIOCore
import SOCKSCore
import SOCKSNIO

/// Protection by an engine for Kerberos tokens, which has taken an established context over: many tokens at a time, opened
/// where they lie, and made in one buffer.
final class KerberosProtection: PerMessageProtection {
  /// The peer is not known to gain from smaller tokens: they would cost the system's library a fifth more an octet.
  private static let split = TokenSplit(minimum: 4_096)

  private var session: TokenSession
  /// What makes and opens the tokens, for the record.
  let engine: String
  // All three are kept for their capacity.
  private var pieces: [Range<Int>] = []
  private var lengths: [Int] = []
  private var results: [Result<OpenedToken, TokenRefusal>] = []

  /// - Parameter session: has its send number, and leaves the judgement of numbers to the caller.
  init(_ session: consuming TokenSession, engine: String) {
    self.session = session
    self.engine = engine
  }

  func wrap(_ plaintext: ByteBuffer, sealed: Bool, into frames: inout EncapsulatedFrames) throws(SOCKSError) {
    self.pieces.removeAll(keepingCapacity: true)
    Self.split.cut(plaintext.readableBytes, into: &self.pieces)
    try self.appendTokens(plaintext, sealed: sealed, to: &frames)
  }

  func wrapDatagram(_ plaintext: ByteBuffer, sealed: Bool, into frames: inout EncapsulatedFrames) throws(SOCKSError) {
    guard plaintext.readableBytes <= self.session.maximumPlaintext(sealed: sealed) else {
      throw SOCKSError(.valueOutOfRange, "a datagram of \(plaintext.readableBytes) bytes does not fit into a message")
    }
    self.pieces.removeAll(keepingCapacity: true)
    self.pieces.append(0..<plaintext.readableBytes)
    try self.appendTokens(plaintext, sealed: sealed, to: &frames)
  }

  private func appendTokens(
    _ plaintext: ByteBuffer, sealed: Bool, to frames: inout EncapsulatedFrames
  ) throws(SOCKSError) {
    self.lengths.removeAll(keepingCapacity: true)
    for piece in self.pieces { self.lengths.append(self.session.tokenLength(for: piece.count, sealed: sealed)) }
    try frames.appendTokens(lengths: self.lengths, sealed: sealed) { output throws(SOCKSError) in
      do throws(TokenSessionError) {
        try self.session.wrap(
          plaintext.readableBytesSpan, pieces: self.pieces, sealed: sealed, prefix: GSSMessage.headerLength,
          into: &output)
      } catch {
        throw SOCKSError(.protectionFailed, "the engine could not make tokens: \(error)")
      }
      return sealed
    }
  }

  func unwrap(
    _ batch: inout TokenBatch, into plaintext: inout ByteBuffer, outcomes: inout [UnwrapOutcome]
  ) -> SOCKSError? {
    self.results.removeAll(keepingCapacity: true)
    batch.withTokens { octets, tokens in
      self.session.unwrap(&octets, tokens: tokens, into: &self.results)
    }
    for result in self.results {
      switch result {
      case .success(let token):
        batch.openedInPlace(token.plaintext)
        outcomes.append(
          UnwrapOutcome(
            plaintextLength: token.plaintext.count, isConfidential: token.isSealed, status: [],
            sequenceNumber: token.sequenceNumber))
      case .failure(let refusal):
        return SOCKSError(.protectionFailed, "the token cannot be opened: \(refusal)")
      }
    }
    return nil
  }

  func wrapProtectionLevel(_ octet: UInt8) -> WrapResult { .failed(Self.noLevelMessage) }

  func unwrapProtectionLevel(_ token: ByteBuffer) -> UnwrapResult { .failed(Self.noLevelMessage) }

  private static let noLevelMessage =
    SOCKSError(.internalError, "the level was agreed before the engine took the context over")
}
