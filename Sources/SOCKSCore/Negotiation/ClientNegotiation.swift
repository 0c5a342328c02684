public import NIOCore

/// The client's side of a connection from its first octet to the last reply (RFC 1928 sections 3 to 6).
///
/// Data is sent only after the reply: a server in the field forwards what comes earlier undecoded. Every failure ends
/// the connection; nothing is ever tried again in a weaker form.
public struct ClientNegotiation: Hashable, Sendable {
  public enum Authentication: Hashable, Sendable {
    case gssapi(GSSInitiatorSubnegotiation.Configuration)
    case usernamePassword(UsernamePasswordRequest)
    case none

    var method: SOCKSMethod {
      switch self {
      case .gssapi: .gssapi
      case .usernamePassword: .usernamePassword
      case .none: .noAuthentication
      }
    }
  }

  public struct Configuration: Hashable, Sendable {
    /// The one way to authenticate: the offer names this method and no other.
    public var authentication: Authentication
    public var request: SOCKSRequest

    public init(authentication: Authentication, request: SOCKSRequest) {
      self.authentication = authentication
      self.request = request
    }
  }

  public enum Action: Hashable, Sendable {
    /// Nothing to do before more octets come.
    case readMore
    /// Nothing to do before the step in flight has ended; nothing is read until then.
    case wait
    /// Send, and ask again.
    case send(ByteBuffer)
    /// Hand the token (nil: begin) to the library, off the loop; the outcome comes back by `stepFinished`.
    case stepContext(token: ByteBuffer?)
    /// Wrap this octet without confidentiality; the token comes back by `protectionLevelWrapped`.
    case wrapProtectionLevel(UInt8)
    /// Unwrap on the loop; the outcome comes back by `protectionLevelUnwrapped`.
    case unwrapProtectionLevel(token: ByteBuffer)
    /// Protect everything from here on; then send the request, through the protection. What lies in the buffer is the
    /// peer's first protected octets.
    case protect(AgreedProtection, request: ByteBuffer)
    /// The server listens at the reply's address, for the one connection that BIND is about; tell, and ask again: the
    /// second reply is still to come.
    case announce(SOCKSReply)
    /// The server has done what was asked. What lies in the buffer is the first data.
    case succeed(SOCKSReply)
    /// Close.
    case fail(SOCKSError)
    /// Free what came too late.
    case discard
  }

  private enum State: Hashable {
    case ready
    case awaitingMethodSelection
    case authenticatingGSS(GSSInitiatorSubnegotiation)
    case awaitingPasswordResponse
    case awaitingReply
    /// "Two replies are sent from the SOCKS server to the client during a BIND operation" (RFC 1928 section 6).
    case awaitingSecondReply
    case succeeded
    case ended
  }

  private let configuration: Configuration
  private var state: State = .ready

  public init(configuration: Configuration) { self.configuration = configuration }

  /// What the client is waiting for, in words for an error.
  public var awaited: String {
    switch self.state {
    case .ready: "the connection"
    case .awaitingMethodSelection: "the method selection"
    case .authenticatingGSS(let gss): gss.isStepping ? "the Kerberos library" : "the authentication answer"
    case .awaitingPasswordResponse: "the password answer"
    case .awaitingReply: "the reply"
    case .awaitingSecondReply: "the incoming connection"
    case .succeeded, .ended: "nothing"
    }
  }

  // MARK: Events

  /// The connection is established.
  public mutating func connected() -> Action {
    switch self.state {
    case .ready:
      self.state = .awaitingMethodSelection
      do throws(SOCKSError) {
        let offer = try SOCKSMethodOffer(methods: [self.configuration.authentication.method])
        return .send(Self.encoded(offer.encode))
      } catch {
        return self.fail(error)
      }
    case .awaitingMethodSelection, .authenticatingGSS, .awaitingPasswordResponse, .awaitingReply,
      .awaitingSecondReply, .succeeded:
      return self.fail(SOCKSError(.internalError, "connected twice"))
    case .ended:
      return .discard
    }
  }

  /// Octets have come, or the action before this one is done. Takes at most one message off the buffer.
  public mutating func receivedOctets(_ buffer: inout ByteBuffer) -> Action {
    do throws(SOCKSError) {
      switch self.state {
      case .ready:
        return .wait
      case .awaitingMethodSelection:
        guard let selection = try SOCKSMethodSelection.decode(from: &buffer) else { return .readMore }
        return self.receivedSelection(selection)
      case .authenticatingGSS(let gss):
        return self.receivedGSSMessage(&buffer, gss)
      case .awaitingPasswordResponse:
        guard let response = try UsernamePasswordResponse.decode(from: &buffer) else { return .readMore }
        guard response.isSuccess else { throw SOCKSError(.passwordRefused, "the gateway refused the password") }
        return self.sendRequest()
      case .awaitingReply:
        guard let reply = try Self.success(from: &buffer) else { return .readMore }
        guard self.configuration.request.command == .bind else {
          self.state = .succeeded
          return .succeed(reply)
        }
        self.state = .awaitingSecondReply
        return .announce(reply)
      case .awaitingSecondReply:
        guard let reply = try Self.success(from: &buffer) else { return .readMore }
        self.state = .succeeded
        return .succeed(reply)
      case .succeeded, .ended:
        return .discard
      }
    } catch {
      return self.fail(error)
    }
  }

  public mutating func stepFinished(_ result: ContextStepResult) -> Action {
    self.gssEvent { $0.stepFinished(result) }
  }

  public mutating func protectionLevelWrapped(_ result: WrapResult) -> Action {
    self.gssEvent { $0.protectionLevelWrapped(result) }
  }

  public mutating func protectionLevelUnwrapped(_ result: UnwrapResult) -> Action {
    self.gssEvent { $0.protectionLevelUnwrapped(result) }
  }

  /// A deadline passed, the peer closed, or the connection broke.
  public mutating func interrupted(_ error: SOCKSError) -> Action {
    switch self.state {
    case .authenticatingGSS(var gss):
      let action = gss.interrupted(error)
      self.state = .authenticatingGSS(gss)
      return self.translate(action)
    case .ready, .awaitingMethodSelection, .awaitingPasswordResponse, .awaitingReply, .awaitingSecondReply:
      return self.fail(error)
    case .succeeded, .ended:
      return .discard
    }
  }

  // MARK: Messages

  private mutating func receivedSelection(_ selection: SOCKSMethodSelection) -> Action {
    let authentication = self.configuration.authentication
    guard selection.method != .noneAcceptable else {
      return self.fail(SOCKSError(.noAcceptableMethod, "the gateway does not take \(authentication.method)"))
    }
    guard selection.method == authentication.method else {
      return self.fail(SOCKSError(.methodNotOffered, "the gateway chose \(selection.method), which was not offered"))
    }
    switch authentication {
    case .gssapi(let configuration):
      var gss = GSSInitiatorSubnegotiation(configuration: configuration)
      let action = gss.begin()
      self.state = .authenticatingGSS(gss)
      return self.translate(action)
    case .usernamePassword(let request):
      self.state = .awaitingPasswordResponse
      return .send(Self.encoded(request.encode))
    case .none:
      return self.sendRequest()
    }
  }

  private mutating func receivedGSSMessage(
    _ buffer: inout ByteBuffer, _ current: GSSInitiatorSubnegotiation
  ) -> Action {
    guard !current.isStepping else { return .wait }
    var gss = current
    let action: GSSInitiatorSubnegotiation.Action
    do throws(SOCKSError) {
      guard let message = try GSSMessage.decode(from: &buffer) else { return .readMore }
      action = gss.receivedMessage(message)
    } catch {
      action = gss.receivedMalformedMessage(error)
    }
    self.state = .authenticatingGSS(gss)
    return self.translate(action)
  }

  /// A reply that says yes; nil when more octets are needed.
  private static func success(from buffer: inout ByteBuffer) throws(SOCKSError) -> SOCKSReply? {
    guard let reply = try SOCKSReply.decode(from: &buffer) else { return nil }
    guard reply.code == .succeeded else {
      throw SOCKSError(.requestRefused, reply.code.description, reply: reply.code)
    }
    return reply
  }

  private mutating func sendRequest() -> Action {
    self.state = .awaitingReply
    return .send(Self.encoded(self.configuration.request.encode))
  }

  // MARK: Sub-machine

  private mutating func gssEvent(
    _ event: (inout GSSInitiatorSubnegotiation) -> GSSInitiatorSubnegotiation.Action
  ) -> Action {
    switch self.state {
    case .authenticatingGSS(var gss):
      let action = event(&gss)
      self.state = .authenticatingGSS(gss)
      return self.translate(action)
    case .ended:
      return .discard
    case .ready, .awaitingMethodSelection, .awaitingPasswordResponse, .awaitingReply, .awaitingSecondReply, .succeeded:
      return self.fail(SOCKSError(.internalError, "a GSS-API event came outside the subnegotiation"))
    }
  }

  private mutating func translate(_ action: GSSInitiatorSubnegotiation.Action) -> Action {
    switch action {
    case .readMore: return .readMore
    case .stepContext(let token): return .stepContext(token: token)
    case .wrapProtectionLevel(let octet): return .wrapProtectionLevel(octet)
    case .unwrapProtectionLevel(let token): return .unwrapProtectionLevel(token: token)
    case .discard: return .discard
    case .fail(let error): return self.fail(error)
    case .protect(let agreed):
      self.state = .awaitingReply
      return .protect(agreed, request: Self.encoded(self.configuration.request.encode))
    case .send(let message):
      var buffer = ByteBuffer()
      do throws(SOCKSError) {
        try message.encode(into: &buffer)
      } catch {
        return self.fail(error)
      }
      return .send(buffer)
    }
  }

  private mutating func fail(_ error: SOCKSError) -> Action {
    self.state = .ended
    return .fail(error)
  }

  private static func encoded(_ encode: (inout ByteBuffer) -> Void) -> ByteBuffer {
    var buffer = ByteBuffer()
    encode(&buffer)
    return buffer
  }
}
