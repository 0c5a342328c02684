import GSSAPI
import KerberosTokens
import NIOCore
import SOCKSCore
import SOCKSNIO

/// Protection by the system's GSS-API library: any mechanism, one token at a time.
///
/// Larger tokens are as good as several with this engine, so plaintext is cut into the largest that fit.
final class SystemProtection: PerMessageProtection {
  private var context: GSSSecurityContext
  /// The most plaintext in one message, once it has been asked for: most sessions leave the library before. The difference
  /// to the message's limit is what a token adds.
  private var maximumSigned: Int?
  private var maximumSealed: Int?

  init(_ context: consuming GSSSecurityContext) { self.context = context }

  let engine = "system"

  /// A session of the engine in the place of this, which must not be used any more then.
  func takeOver(
    sent: TakeOver.LevelMessage, received: TakeOver.LevelMessage, provider: CipherProvider
  ) throws(TakeOver.Obstacle) -> TokenSession {
    try TakeOver.session(of: &self.context, sent: sent, received: received, provider: provider)
  }

  func wrap(_ plaintext: ByteBuffer, sealed: Bool, into frames: inout EncapsulatedFrames) throws(SOCKSError) {
    let maximum = try self.maximumPlaintext(sealed: sealed)
    var rest = plaintext
    while let chunk = rest.readSlice(length: min(maximum, rest.readableBytes)), chunk.readableBytes > 0 {
      try self.appendToken(chunk, sealed: sealed, maximum: maximum, to: &frames)
    }
  }

  func wrapDatagram(_ plaintext: ByteBuffer, sealed: Bool, into frames: inout EncapsulatedFrames) throws(SOCKSError) {
    let maximum = try self.maximumPlaintext(sealed: sealed)
    guard plaintext.readableBytes <= maximum else {
      throw SOCKSError(.valueOutOfRange, "a datagram of \(plaintext.readableBytes) bytes does not fit into a message")
    }
    try self.appendToken(plaintext, sealed: sealed, maximum: maximum, to: &frames)
  }

  /// - Throws: `protectionFailed` when the library cannot say how much fits a message, and for a context that cannot
  ///   protect messages so.
  private func maximumPlaintext(sealed: Bool) throws(SOCKSError) -> Int {
    if let known = sealed ? self.maximumSealed : self.maximumSigned { return known }
    guard !sealed || self.context.flags.contains(.confidentiality) else { throw Self.cannotProtect }
    let maximum: Int
    do throws(GSSError) {
      maximum = try self.context.maximumPlaintext(tokenLimit: GSSMessage.maximumTokenLength, confidential: sealed)
    } catch {
      throw SOCKSError(protecting: error)
    }
    guard maximum > 0 else { throw Self.cannotProtect }
    if sealed { self.maximumSealed = maximum } else { self.maximumSigned = maximum }
    return maximum
  }

  private static let cannotProtect = SOCKSError(.protectionFailed, "the context cannot protect messages as agreed")

  private func appendToken(
    _ plaintext: ByteBuffer, sealed: Bool, maximum: Int, to frames: inout EncapsulatedFrames
  ) throws(SOCKSError) {
    let overhead = GSSMessage.maximumTokenLength - maximum
    try frames.appendToken(maximumLength: plaintext.readableBytes + overhead, sealed: sealed) {
      token throws(SOCKSError) in
      do throws(GSSError) {
        return try self.context.wrap(plaintext.readableBytesSpan, confidential: sealed, into: &token)
      } catch {
        throw SOCKSError(protecting: error)
      }
    }
  }

  func unwrap(
    _ batch: inout TokenBatch, into plaintext: inout ByteBuffer, outcomes: inout [UnwrapOutcome]
  ) -> SOCKSError? {
    plaintext.reserveCapacity(minimumWritableBytes: batch.octets)
    for index in 0..<batch.count {
      let result: Result<UnwrapOutcome, SOCKSError>? = batch.withToken(at: index) { token in
        self.unwrap(&token, into: &plaintext)
      }
      switch result {
      case .success(let outcome): outcomes.append(outcome)
      case .failure(let error): return error
      case nil: return SOCKSError(.internalError, "a token lies outside its batch")
      }
    }
    return nil
  }

  private func unwrap(
    _ token: inout MutableRawSpan, into plaintext: inout ByteBuffer
  ) -> Result<UnwrapOutcome, SOCKSError> {
    do throws(GSSError) {
      var outcome: UnwrapOutcome?
      try plaintext.writeWithOutputRawSpan(minimumWritableBytes: token.byteCount) { output throws(GSSError) in
        outcome = UnwrapOutcome(try self.context.unwrap(&token, into: &output))
      }
      return outcome.map(Result.success)
        ?? .failure(SOCKSError(.internalError, "the library opened a token and said nothing"))
    } catch {
      return .failure(SOCKSError(protecting: error))
    }
  }

  func wrapProtectionLevel(_ octet: UInt8) -> WrapResult {
    do throws(GSSError) {
      let (token, _) = try self.context.wrap([octet], confidential: false)
      return .wrapped(token: ByteBuffer(bytes: token))
    } catch {
      return .failed(SOCKSError(protecting: error))
    }
  }

  func unwrapProtectionLevel(_ token: ByteBuffer) -> UnwrapResult {
    do throws(GSSError) {
      let (plaintext, message) = try self.context.unwrap(Array(token.readableBytesView))
      return .unwrapped(plaintext, UnwrapOutcome(message))
    } catch {
      return .failed(SOCKSError(protecting: error))
    }
  }
}
