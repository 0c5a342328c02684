import GSSAPI
import KerberosTokens
import NIOCore
import SOCKSCore

/// Takes an established context over from the library: its keys are looked at, and the engine has to prove on the level
/// messages of the session itself that it makes and opens tokens exactly as the library did.
enum TakeOver {
  /// A level message that has been sent, or that has come.
  struct LevelMessage {
    var octets: [UInt8]
    var token: [UInt8]
  }

  /// Why a session stays with the library.
  enum Obstacle: Error, Hashable, CustomStringConvertible {
    /// Not Kerberos as in RFC 4121.
    case otherMechanism
    case otherEncryptionType(Int32)
    case noKeys
    /// The engine would do something else than the library did: a fault of one of them.
    case proofFailed(String)

    var description: String {
      switch self {
      case .otherMechanism: "the mechanism is not krb5"
      case .otherEncryptionType(let type): "the encryption type is \(type)"
      case .noKeys: "the library does not show the context's keys"
      case .proofFailed(let what): "the engine and the library differ: \(what)"
      }
    }
  }

  /// A session for the context, which the caller gives up when this succeeds: two owners of one send number would make two
  /// messages with the same number.
  static func session(
    of context: inout GSSSecurityContext, sent: LevelMessage, received: LevelMessage, provider: CipherProvider
  ) throws(Obstacle) -> TokenSession {
    guard context.innerMechanism == .krb5 else { throw .otherMechanism }
    guard let secrets = try? context.kerberosState() else { throw .noKeys }
    guard let type = EncryptionType(rawValue: secrets.encryptionType) else {
      throw .otherEncryptionType(secrets.encryptionType)
    }
    guard let sentNumber = KerberosTokenHeader(sent.token)?.sequenceNumber,
      let receivedNumber = KerberosTokenHeader(received.token)?.sequenceNumber
    else { throw .proofFailed("the level messages have no numbers") }
    let (next, overflow) = sentNumber.addingReportingOverflow(1)
    guard !overflow, secrets.nextSendNumber == next else { throw .proofFailed("the number of the next message") }
    let parameters = TokenSession.Parameters(
      type: type, isInitiator: secrets.isInitiator, hasAcceptorSubkey: secrets.hasAcceptorSubkey,
      nextSendNumber: sentNumber, receiveOrder: .judgedByCaller, endTime: secrets.endTime)
    var session = try Self.makeSession(secrets, parameters, provider)
    // Signed tokens have no randomness in them: there is one right token for a number.
    guard Self.wrap(sent.octets, with: &session) == sent.token else { throw .proofFailed("our level message") }
    guard session.nextSendNumber == secrets.nextSendNumber else { throw .proofFailed("the count of messages") }
    guard let opened = Self.unwrap(received.token, with: &session), opened.octets == received.octets,
      opened.number == receivedNumber
    else { throw .proofFailed("the peer's level message") }
    return session
  }

  private static func makeSession(
    _ secrets: borrowing KerberosContextState, _ parameters: TokenSession.Parameters, _ provider: CipherProvider
  ) throws(Obstacle) -> TokenSession {
    do throws(TokenSessionError) {
      return try secrets.withKey { key throws(TokenSessionError) in
        try TokenSession(key: key, parameters, provider: provider)
      }
    } catch {
      throw .proofFailed("\(error)")
    }
  }

  private static func wrap(_ octets: [UInt8], with session: inout TokenSession) -> [UInt8]? {
    let plaintext = ByteBuffer(bytes: octets)
    let room = session.tokenLength(for: octets.count, sealed: false) + TokenSession.spareOctets
    var token = ByteBuffer()
    do throws(TokenSessionError) {
      try token.writeWithOutputRawSpan(minimumWritableBytes: room) { output throws(TokenSessionError) in
        try session.wrap(plaintext.readableBytesSpan, pieces: [0..<octets.count], sealed: false, into: &output)
      }
    } catch {
      return nil
    }
    return Array(token.readableBytesView)
  }

  private static func unwrap(
    _ token: [UInt8], with session: inout TokenSession
  ) -> (octets: [UInt8], number: UInt64)? {
    var copy = ByteBuffer(bytes: token)
    var results: [Result<OpenedToken, TokenRefusal>] = []
    var span = copy.mutableReadableBytesSpan
    session.unwrap(&span, tokens: [0..<token.count], into: &results)
    guard case .success(let opened)? = results.first,
      let octets = copy.getBytes(at: copy.readerIndex + opened.plaintext.lowerBound, length: opened.plaintext.count)
    else { return nil }
    return (octets, opened.sequenceNumber)
  }
}
