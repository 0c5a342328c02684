import NIOCore

/// What the machines of the methods say, as actions of this one.
extension ServerNegotiation {
  mutating func gssEvent(_ event: (inout GSSAcceptorSubnegotiation) -> GSSAcceptorSubnegotiation.Action)
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

  mutating func translate(_ action: GSSAcceptorSubnegotiation.Action) -> Action {
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

  mutating func translate(_ action: UsernamePasswordSubnegotiation.Action) -> Action {
    switch action {
    case .checkPassword(let request):
      return .checkPassword(request)
    case .accept(let username, let response):
      self.state = .awaitingRequest
      return .accept(username: username, answer: Self.encoded(response.encode))
    case .refuse(let response, let error):
      self.state = .ended
      return .refuse(answer: Self.encoded(response.encode), error)
    case .fail(let error):
      return self.fail(error)
    case .discard:
      return .discard
    }
  }
}
