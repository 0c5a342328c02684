public import NIOCore

/// The server's side of a connection from its first octet to the point where relaying begins (RFC 1928 sections 3 to 6).
///
/// It is given the octets that have come, takes one message at a time off them, and says what to do. While a step is in
/// flight (a call of the library, a password, a dial) it takes nothing.
public struct ServerNegotiation: Hashable, Sendable {
  public struct Configuration: Hashable, Sendable {
    /// The methods served, in the server's order of preference.
    public var methods: [SOCKSMethod]
    public var gss: GSSAcceptorSubnegotiation.Configuration
    public var commands: Set<SOCKSCommand>

    public init(
      methods: [SOCKSMethod], gss: GSSAcceptorSubnegotiation.Configuration, commands: Set<SOCKSCommand> = [.connect]
    ) {
      self.methods = methods
      self.gss = gss
      self.commands = commands
    }
  }

  private enum State: Hashable {
    case awaitingMethodOffer
    /// The first byte is not SOCKS5's, and may begin several other protocols.
    case recognizingProtocol
    case authenticatingGSS(GSSAcceptorSubnegotiation)
    case authenticatingPassword(UsernamePasswordSubnegotiation)
    case awaitingRequest
    case serving
    /// "Two replies are sent from the SOCKS server to the client during a BIND operation" (RFC 1928 section 6): the first
    /// is due.
    case servingBind
    /// The second is due.
    case listening
    case relaying
    case ended
  }

  /// Octets that a client may send ahead while BIND waits for its peer. They are read, unlike those behind a CONNECT:
  /// the wait is long, and the client's end must be seen behind them.
  public static let maximumEarlyData = 64 * 1_024

  /// What this machine can carry out. Another method in the configuration is never chosen: it must not become a request
  /// without authentication.
  private static let knownMethods: Set<SOCKSMethod> = [.gssapi, .usernamePassword, .noAuthentication]

  private let configuration: Configuration
  private var state: State = .awaitingMethodOffer
  /// The method that the server has selected.
  public private(set) var method: SOCKSMethod?

  public init(configuration: Configuration) { self.configuration = configuration }

  public var phase: Phase {
    switch self.state {
    case .awaitingMethodOffer, .recognizingProtocol: .method
    case .authenticatingGSS(let gss): gss.hasContext ? .level : .authentication
    case .authenticatingPassword: .authentication
    case .awaitingRequest: .request
    case .serving, .servingBind: .serving
    case .listening: .listening
    case .relaying: .relaying
    case .ended: .ended
    }
  }

  // MARK: Events

  /// Octets have come, or the action before this one is done. Takes at most one message off the buffer.
  public mutating func receivedOctets(_ buffer: inout ByteBuffer) -> Action {
    switch self.state {
    case .awaitingMethodOffer, .recognizingProtocol:
      return self.receivedMethodOffer(&buffer)
    case .authenticatingGSS(let gss):
      return self.receivedGSSMessage(&buffer, gss)
    case .authenticatingPassword(let password):
      return self.receivedPassword(&buffer, password)
    case .awaitingRequest:
      return self.receivedRequest(&buffer)
    case .serving, .servingBind:
      return .wait
    case .listening:
      guard buffer.readableBytes <= Self.maximumEarlyData else {
        return self.refuse(SOCKSError(.unexpectedMessage, "too much early data"))
      }
      return .readMore
    case .relaying, .ended:
      return .discard
    }
  }

  public mutating func stepFinished(_ result: ContextStepResult) -> Action {
    self.gssEvent { $0.stepFinished(result) }
  }

  public mutating func protectionLevelUnwrapped(_ result: UnwrapResult) -> Action {
    self.gssEvent { $0.protectionLevelUnwrapped(result) }
  }

  public mutating func protectionLevelWrapped(_ result: WrapResult) -> Action {
    self.gssEvent { $0.protectionLevelWrapped(result) }
  }

  public mutating func passwordChecked(_ outcome: PasswordOutcome) -> Action {
    switch self.state {
    case .authenticatingPassword(var password):
      let action = password.passwordChecked(outcome)
      self.state = .authenticatingPassword(password)
      return self.translate(action)
    case .ended:
      return .discard
    case .awaitingMethodOffer, .recognizingProtocol, .authenticatingGSS, .awaitingRequest, .serving, .servingBind,
      .listening, .relaying:
      return self.fail(SOCKSError(.internalError, "a password was checked that was not asked for"))
    }
  }

  /// BIND listens, at the address that the client is to tell its peer: the first reply.
  public mutating func announced(_ bound: SOCKSAddress) -> Action {
    switch self.state {
    case .servingBind:
      self.state = .listening
      return .send(Self.encoded(SOCKSReply(code: .succeeded, bound: bound).encode))
    case .ended:
      return .discard
    case .awaitingMethodOffer, .recognizingProtocol, .authenticatingGSS, .authenticatingPassword, .awaitingRequest,
      .serving, .listening,
      .relaying:
      return self.fail(SOCKSError(.internalError, "an address was announced that was not asked for"))
    }
  }

  /// The request has been carried out, or refused: whoever did so knows why.
  public mutating func requestFinished(_ reply: SOCKSReply) -> Action {
    switch self.state {
    case .servingBind where reply.code == .succeeded:
      return self.fail(SOCKSError(.internalError, "BIND succeeded without having listened"))
    case .serving, .servingBind, .listening:
      let answer = Self.encoded(reply.encode)
      guard reply.code == .succeeded else {
        self.state = .ended
        return .refuse(answer: answer, SOCKSError(.requestRefused, reply.code.description, reply: reply.code))
      }
      self.state = .relaying
      return .relay(reply: answer)
    case .ended:
      return .discard
    case .awaitingMethodOffer, .recognizingProtocol, .authenticatingGSS, .authenticatingPassword, .awaitingRequest,
      .relaying:
      return self.fail(SOCKSError(.internalError, "a request was finished that was not asked for"))
    }
  }

  /// True while a step of this side is in flight: a call of the security library, or the check of a password.
  public var isWaitingForStep: Bool {
    switch self.state {
    case .authenticatingGSS(let gss): gss.isStepping
    case .authenticatingPassword(let password): password.isChecking
    case .awaitingMethodOffer, .recognizingProtocol, .awaitingRequest, .serving, .servingBind, .listening, .relaying,
      .ended:
      false
    }
  }

  /// The time for a phase is up. With a step of this side in flight it is not the peer that has been slow.
  public mutating func deadlinePassed() -> Action {
    let phase = self.phase.rawValue
    return self.interrupted(
      self.isWaitingForStep
        ? SOCKSError(.stepTimedOut, "this side's own step took longer than the \(phase) phase may")
        : SOCKSError(.timedOut, "the client did not finish its \(phase) phase in time"))
  }

  /// The peer closed, the connection broke, or its owner gives it up.
  public mutating func interrupted(_ error: SOCKSError) -> Action {
    switch self.state {
    case .authenticatingGSS(var gss):
      let action = gss.interrupted(error)
      self.state = .authenticatingGSS(gss)
      return self.translate(action)
    case .authenticatingPassword(var password):
      let action = password.interrupted(error)
      self.state = .authenticatingPassword(password)
      return self.translate(action)
    case .recognizingProtocol:
      // No more than the beginning of several protocols came: it is none of them.
      return self.fail(error.isFromThePeer ? SOCKSError(ForeignProtocol.unknown) : error)
    case .awaitingMethodOffer, .awaitingRequest, .serving, .servingBind, .listening, .relaying:
      return self.fail(error)
    case .ended:
      return .discard
    }
  }

  // MARK: Messages

  private mutating func receivedMethodOffer(_ buffer: inout ByteBuffer) -> Action {
    if let first = buffer.readableBytesView.first, first != SOCKSVersion.socks5 {
      return self.receivedForeignProtocol(buffer.readableBytesView)
    }
    let offer: SOCKSMethodOffer
    do throws(SOCKSError) {
      guard let decoded = try SOCKSMethodOffer.decode(from: &buffer) else { return .readMore }
      offer = decoded
    } catch  where error.code == .malformedMessage {
      // An offer of no method: none is acceptable.
      return self.refuseMethods(error)
    } catch {
      return self.fail(error)
    }
    guard
      let method = self.configuration.methods.first(where: { method in
        Self.knownMethods.contains(method) && offer.methods.contains(method)
      })
    else {
      let offered = offer.methods.map(\.description).joined(separator: ", ")
      return self.refuseMethods(SOCKSError(.noAcceptableMethod, "the client offers only \(offered)"))
    }
    self.method = method
    switch method {
    case .gssapi: self.state = .authenticatingGSS(.init(configuration: self.configuration.gss))
    case .usernamePassword: self.state = .authenticatingPassword(.init())
    default: self.state = .awaitingRequest
    }
    return .send(Self.encoded(SOCKSMethodSelection(method: method).encode))
  }

  private mutating func receivedForeignProtocol(_ bytes: ByteBufferView) -> Action {
    switch ForeignProtocol.recognize(bytes) {
    case .undecided:
      self.state = .recognizingProtocol
      return .readMore
    case .recognized(let kind):
      self.state = .ended
      let error = SOCKSError(kind)
      return kind.answer.map { .refuse(answer: $0, error) } ?? .close(error)
    }
  }

  /// "If the selected METHOD is X'FF', none of the methods listed by the client are acceptable" (RFC 1928 section 3).
  private mutating func refuseMethods(_ error: SOCKSError) -> Action {
    self.state = .ended
    return .refuse(answer: Self.encoded(SOCKSMethodSelection(method: .noneAcceptable).encode), error)
  }

  private mutating func receivedGSSMessage(
    _ buffer: inout ByteBuffer, _ current: GSSAcceptorSubnegotiation
  ) -> Action {
    guard !current.isStepping else { return .wait }
    var gss = current
    let action: GSSAcceptorSubnegotiation.Action
    do throws(SOCKSError) {
      guard let message = try GSSMessage.decode(from: &buffer) else {
        // A first token of length zero is refused at its header, by the message that it is; nothing else is special.
        return .readMore
      }
      action = gss.receivedMessage(message)
    } catch {
      action = gss.receivedMalformedMessage(error)
    }
    self.state = .authenticatingGSS(gss)
    return self.translate(action)
  }

  private mutating func receivedPassword(
    _ buffer: inout ByteBuffer, _ current: UsernamePasswordSubnegotiation
  ) -> Action {
    guard !current.isChecking else { return .wait }
    var password = current
    do throws(SOCKSError) {
      guard let request = try UsernamePasswordRequest.decode(from: &buffer) else { return .readMore }
      let action = password.receivedRequest(request)
      self.state = .authenticatingPassword(password)
      return self.translate(action)
    } catch {
      return self.fail(error)
    }
  }

  private mutating func receivedRequest(_ buffer: inout ByteBuffer) -> Action {
    do throws(SOCKSError) {
      guard let request = try SOCKSRequest.decode(from: &buffer) else { return .readMore }
      guard self.configuration.commands.contains(request.command) else {
        throw SOCKSError(.unsupportedCommand, "the client asked for \(request.command)")
      }
      self.state = request.command == .bind ? .servingBind : .serving
      return .serve(request)
    } catch {
      return self.refuse(error)
    }
  }

  // MARK: Sub-machines

  private mutating func gssEvent(_ event: (inout GSSAcceptorSubnegotiation) -> GSSAcceptorSubnegotiation.Action)
    -> Action
  {
    switch self.state {
    case .authenticatingGSS(var gss):
      let action = event(&gss)
      self.state = .authenticatingGSS(gss)
      return self.translate(action)
    case .ended:
      return .discard
    case .awaitingMethodOffer, .recognizingProtocol, .authenticatingPassword, .awaitingRequest, .serving, .servingBind,
      .listening, .relaying:
      return self.fail(SOCKSError(.internalError, "a GSS-API event came outside the subnegotiation"))
    }
  }

  private mutating func translate(_ action: GSSAcceptorSubnegotiation.Action) -> Action {
    switch action {
    case .readMore: return .readMore
    case .stepContext(let token): return .stepContext(token: token)
    case .unwrapProtectionLevel(let token): return .unwrapProtectionLevel(token: token)
    case .wrapProtectionLevel(let octet): return .wrapProtectionLevel(octet)
    case .discard: return .discard
    case .send(let message):
      do throws(SOCKSError) {
        return .send(try Self.encoded(message))
      } catch {
        return self.abort(error)
      }
    case .protect(let agreed, let answer):
      do throws(SOCKSError) {
        let answer = try Self.encoded(answer)
        self.state = .awaitingRequest
        return .protect(agreed, answer: answer)
      } catch {
        return self.abort(error)
      }
    case .leaveUnprotected(let session, let answer):
      do throws(SOCKSError) {
        let answer: ByteBuffer? = if let answer { try Self.encoded(answer) } else { nil }
        self.state = .awaitingRequest
        return .leaveUnprotected(session, answer: answer)
      } catch {
        return self.abort(error)
      }
    case .abort(let error):
      return self.abort(error)
    }
  }

  private mutating func translate(_ action: UsernamePasswordSubnegotiation.Action) -> Action {
    switch action {
    case .checkPassword(let request):
      return .checkPassword(request)
    case .accept(let response):
      self.state = .awaitingRequest
      return .send(Self.encoded(response.encode))
    case .refuse(let response, let error):
      self.state = .ended
      return .refuse(answer: Self.encoded(response.encode), error)
    case .fail(let error):
      return self.fail(error)
    case .discard:
      return .discard
    }
  }

  // MARK: Endings

  /// "If the server refuses the client's connection for any reason … it will return 01 ff" (RFC 1961 section 3.8).
  private mutating func abort(_ error: SOCKSError) -> Action {
    self.state = .ended
    var answer = ByteBuffer()
    do throws(SOCKSError) {
      try GSSMessage.abort.encode(into: &answer)
    } catch {
      return .close(error)
    }
    return .refuse(answer: answer, error)
  }

  /// A reply that says no (RFC 1928 section 6).
  private mutating func refuse(_ error: SOCKSError) -> Action {
    self.state = .ended
    return .refuse(answer: Self.encoded(SOCKSReply(code: SOCKSReplyCode(refusing: error.code)).encode), error)
  }

  private mutating func fail(_ error: SOCKSError) -> Action {
    self.state = .ended
    return .close(error)
  }

  private static func encoded(_ encode: (inout ByteBuffer) -> Void) -> ByteBuffer {
    var buffer = ByteBuffer()
    encode(&buffer)
    return buffer
  }

  private static func encoded(_ message: GSSMessage) throws(SOCKSError) -> ByteBuffer {
    var buffer = ByteBuffer()
    try message.encode(into: &buffer)
    return buffer
  }
}

extension SOCKSError {
  /// The peer has closed, or said nothing for too long.
  fileprivate var isFromThePeer: Bool { [.connectionClosed, .truncated, .timedOut].contains(self.code) }
}
