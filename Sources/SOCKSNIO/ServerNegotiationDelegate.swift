public import NIOCore
public import SOCKSCore

/// Who decides and acts for a connection that ``ServerNegotiationHandler`` negotiates. All calls come on the channel's
/// event loop. A conforming class belongs to that loop.
public protocol ServerNegotiationDelegate: AnyObject {
  /// The method is chosen; nothing is proved yet.
  func negotiationSelected(_ method: SOCKSMethod)

  /// The level is agreed; the peer is who the attributes say.
  func negotiationAgreed(_ agreed: AgreedProtection)

  /// The engine that protects messages from here on (``PerMessageProtection/engine``).
  func negotiationProtects(by engine: String)

  /// The peer is who the attributes say, and the session goes on in clear, because the configuration says so.
  func negotiationLeftUnprotected(_ session: UnprotectedSession)

  /// The method needs no context: RFC 1929's user name, or nil for no authentication.
  func negotiationAuthenticated(username: [UInt8]?)

  /// A token or a password has come, and is about to be looked at.
  func negotiationReceivedCredential()

  /// Compare, off the loop; call `completion` on the loop, once, after this call has returned.
  func negotiationReceivedPassword(
    _ request: UsernamePasswordRequest, completion: @escaping (PasswordOutcome) -> Void)

  /// Carry out a request; call `completion` on the loop, once, after this call has returned. Why a reply is a failure is
  /// known to the delegate alone.
  ///
  /// - Parameter announcement: for BIND only, called before a `completion` with a success, once: with the address that is
  ///   listened on, for the first of the two replies.
  func negotiationReceivedRequest(
    _ request: SOCKSRequest, announcement: @escaping (SOCKSAddress) -> Void,
    completion: @escaping (SOCKSReply) -> Void)

  /// The success reply is on its way. Put the relay in the handler's place, give it the early data, and remove the
  /// handler.
  ///
  /// - Parameters:
  ///   - earlyData: what the client sent behind its request.
  ///   - inputClosed: the client has ended its stream behind it. Behind a BIND that is the end of everything instead.
  func negotiationSucceeded(
    _ handler: ServerNegotiationHandler, context: ChannelHandlerContext, earlyData: ByteBuffer, inputClosed: Bool)

  /// The connection is refused or broken, and is being closed; not called when the owner has closed it by
  /// ``ServerNegotiationHandler/close()``. A refused request's error is `requestRefused`, whatever the delegate's reason was.
  func negotiationFailed(_ error: SOCKSError, phase: ServerNegotiation.Phase)
}

extension ServerNegotiationDelegate {
  public func negotiationProtects(by engine: String) {}

  public func negotiationSelected(_ method: SOCKSMethod) {}

  public func negotiationReceivedCredential() {}

  public func negotiationLeftUnprotected(_ session: UnprotectedSession) {}

  public func negotiationAuthenticated(username: [UInt8]?) {}

  public func negotiationReceivedPassword(
    _ request: UsernamePasswordRequest, completion: @escaping (PasswordOutcome) -> Void
  ) { completion(.notChecked) }
}
