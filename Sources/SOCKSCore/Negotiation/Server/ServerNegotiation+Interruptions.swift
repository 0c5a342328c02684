extension ServerNegotiation {
  /// True while a step of this side is in flight: a call of the security library, or the check of a password.
  var isWaitingForStep: Bool {
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

  /// The client has ended its stream, and what it sent does not hold a whole message.
  ///
  /// - Parameters:
  ///   - unread: the octets in the buffer.
  ///   - hasBeenSlow: this side has kept the client waiting for a step.
  public mutating func inputEnded(unread: Int, hasBeenSlow: Bool) -> Action {
    switch self.state {
    case .awaitingMethodOffer, .recognizingProtocol, .authenticatingGSS, .authenticatingPassword, .awaitingRequest,
      .serving, .servingBind, .relaying:
      guard unread == 0 else {
        return self.interrupted(SOCKSError(.truncated, "the client ended the stream inside a message"))
      }
    // What lies there is early data, of which there is never a last octet.
    case .listening: break
    case .ended: return .discard
    }
    return self.interrupted(self.departure(hasBeenSlow: hasBeenSlow))
  }

  /// Why the client has gone: of its own accord, or because this side was slow to authenticate it.
  ///
  /// - Parameter hasBeenSlow: this side has kept the client waiting for a step.
  public func departure(hasBeenSlow: Bool) -> SOCKSError {
    switch self.state {
    case .authenticatingGSS, .authenticatingPassword:
      if hasBeenSlow {
        return SOCKSError(.stepTimedOut, "the client left after this side's own step had taken long")
      }
    case .awaitingMethodOffer, .recognizingProtocol, .awaitingRequest, .serving, .servingBind, .listening, .relaying,
      .ended:
      break
    }
    return SOCKSError(.connectionClosed, "the client closed the connection")
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
}

extension SOCKSError {
  /// The peer has closed, or said nothing for too long.
  fileprivate var isFromThePeer: Bool { [.connectionClosed, .truncated, .timedOut].contains(self.code) }
}
