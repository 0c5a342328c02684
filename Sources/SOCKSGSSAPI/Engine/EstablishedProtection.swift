import GSSAPI
import KerberosTokens
import NIOCore
import SOCKSCore
import SOCKSNIO

/// The protection of a context that has just been established. The library makes and opens the level messages (RFC 1961
/// section 4); once both have passed, the engine takes the context over if it can, and else the library goes on.
///
/// Never both: when the engine has the session, the library's context is deleted.
final class EstablishedProtection: PerMessageProtection {
  private let tokens: TokenEngine
  private let provider: CipherProvider
  /// The library's, until the engine's takes its place.
  private var current: any PerMessageProtection
  private var library: SystemProtection?
  private var sent: TakeOver.LevelMessage?
  private var received: TakeOver.LevelMessage?

  /// - Parameter provider: of the event loop that this belongs to.
  init(_ library: SystemProtection, tokens: TokenEngine, provider: CipherProvider) {
    self.library = library
    self.current = library
    self.tokens = tokens
    self.provider = provider
  }

  var engine: String { self.current.engine }

  func wrap(_ plaintext: ByteBuffer, sealed: Bool, into frames: inout EncapsulatedFrames) throws(SOCKSError) {
    try self.current.wrap(plaintext, sealed: sealed, into: &frames)
  }

  func wrapDatagram(_ plaintext: ByteBuffer, sealed: Bool, into frames: inout EncapsulatedFrames) throws(SOCKSError) {
    try self.current.wrapDatagram(plaintext, sealed: sealed, into: &frames)
  }

  func unwrap(
    _ batch: inout TokenBatch, into plaintext: inout ByteBuffer, outcomes: inout [UnwrapOutcome]
  ) -> SOCKSError? {
    self.current.unwrap(&batch, into: &plaintext, outcomes: &outcomes)
  }

  func wrapProtectionLevel(_ octet: UInt8) -> WrapResult {
    let result = self.current.wrapProtectionLevel(octet)
    if case .wrapped(let token) = result {
      self.sent = TakeOver.LevelMessage(octets: [octet], token: Array(token.readableBytesView))
      self.takeOver()
    }
    return result
  }

  func unwrapProtectionLevel(_ token: ByteBuffer) -> UnwrapResult {
    let result = self.current.unwrapProtectionLevel(token)
    if case .unwrapped(let octets, _) = result {
      self.received = TakeOver.LevelMessage(octets: octets, token: Array(token.readableBytesView))
      self.takeOver()
    }
    return result
  }

  private func takeOver() {
    guard let library = self.library, let sent = self.sent, let received = self.received else { return }
    self.library = nil
    self.sent = nil
    self.received = nil
    do throws(TakeOver.Obstacle) {
      let session = try library.takeOver(sent: sent, received: received, provider: self.provider)
      self.current = KerberosProtection(session, engine: self.tokens.word)
      self.tokens.tookOver()
    } catch {
      self.tokens.stayed(error)
    }
  }
}
