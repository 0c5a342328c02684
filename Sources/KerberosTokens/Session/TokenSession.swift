/// Kerberos per-message protection of one established context (RFC 4121 section 4.2.6.2), without the GSS-API library:
/// makes and opens wrap tokens in batches.
///
/// It takes a context over whose keys were looked at. Two owners of one send number would make two tokens with the same
/// number, so the caller that makes a session deletes the library's context, and makes only one session of a context.
///
/// A session has one owner and belongs to the thread of its ``CipherProvider``. Its keys are wiped with it.
///
/// ```swift
/// let provider = try recipe.makeProvider()                        // once for each event loop
/// var session = try TokenSession(key: keySpan, parameters, provider: provider)
/// try session.wrap(plaintext, pieces: pieces, sealed: true, prefix: 4, into: &output)
/// session.unwrap(&octets, tokens: ranges, into: &results)
/// ```
public struct TokenSession: ~Copyable {
  /// What is known of an established context (`gss_krb5_lucid_context_v1_t`), but for its key.
  public struct Parameters: Hashable, Sendable {
    public var type: EncryptionType
    public var isInitiator: Bool
    /// Whether the key is the acceptor's subkey, as it is with mutual authentication: then every token says so.
    public var hasAcceptorSubkey: Bool
    /// The number of the next message that we send: the library's `send_seq`, which follows its wrapping.
    public var nextSendNumber: UInt64
    /// What is asked of the numbers of messages that come.
    public var receiveOrder: ReceiveOrder
    /// When the context ends, in seconds since 1970. Nothing here looks at it: the caller ends the session.
    public var endTime: UInt32

    public init(
      type: EncryptionType, isInitiator: Bool, hasAcceptorSubkey: Bool, nextSendNumber: UInt64,
      receiveOrder: ReceiveOrder, endTime: UInt32
    ) {
      self.type = type
      self.isInitiator = isInitiator
      self.hasAcceptorSubkey = hasAcceptorSubkey
      self.nextSendNumber = nextSendNumber
      self.receiveOrder = receiveOrder
      self.endTime = endTime
    }
  }

  /// The most octets of a token.
  public static let maximumTokenLength = TokenExpectation.maximumTokenLength

  /// Octets that must be free behind the tokens that ``wrap(_:pieces:sealed:prefix:into:)`` writes.
  public static let spareOctets = WorkBench.spareOctets

  public let type: EncryptionType
  public let endTime: UInt32

  /// The number of the next message that we send.
  public internal(set) var nextSendNumber: UInt64

  /// What is asked of the numbers of messages that come. It may be changed between two batches.
  public var receiveOrder: ReceiveOrder

  let provider: CipherProvider
  let sending: TokenExpectation
  let receiving: TokenExpectation
  let keys: SessionKeys
  /// A wrapping failed: numbers were spent on messages that were not sent, and nothing more can be.
  var sendingIsOver = false

  /// Derives the keys and makes the cipher library's state of them, about ten microseconds.
  ///
  /// - Parameter key: the context's key: the acceptor's subkey where there is one. It is copied nowhere; wipe it
  ///   afterwards.
  /// - Throws: `wrongKeyLength`, `cipherFailed`.
  public init(key: RawSpan, _ parameters: Parameters, provider: CipherProvider) throws(TokenSessionError) {
    let type = parameters.type
    guard key.byteCount == type.keyLength else { throw .wrongKeyLength }
    guard let keys = SessionKeys(from: key, type: type, isInitiator: parameters.isInitiator),
      provider.ciphers.prepare(keys.sending), provider.ciphers.prepare(keys.receiving)
    else { throw .cipherFailed }
    self.keys = keys
    self.type = type
    self.provider = provider
    sending = TokenExpectation(
      type: type, sentByAcceptor: !parameters.isInitiator, acceptorSubkey: parameters.hasAcceptorSubkey)
    receiving = TokenExpectation(
      type: type, sentByAcceptor: parameters.isInitiator, acceptorSubkey: parameters.hasAcceptorSubkey)
    nextSendNumber = parameters.nextSendNumber
    receiveOrder = parameters.receiveOrder
    endTime = parameters.endTime
  }

  /// Octets of the token for `count` octets of plaintext.
  public func tokenLength(for count: Int, sealed: Bool) -> Int { count + type.overhead(sealed: sealed) }

  /// The most plaintext in one token.
  public func maximumPlaintext(sealed: Bool) -> Int { Self.maximumTokenLength - type.overhead(sealed: sealed) }
}
