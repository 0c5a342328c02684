import NIOCore

/// The messages of a client, one at a time.
extension ServerNegotiation {
  mutating func receivedMethodOffer(_ buffer: inout ByteBuffer) -> Action {
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
    guard let method = self.configuration.methods.first(where: { offer.methods.contains($0.method) }) else {
      let offered = offer.methods.map(\.description).joined(separator: ", ")
      return self.refuseMethods(SOCKSError(.noAcceptableMethod, "the client offers only \(offered)"))
    }
    let answer = Self.encoded(SOCKSMethodSelection(method: method.method).encode)
    switch method {
    case .gssapi(let configuration):
      self.state = .authenticatingGSS(GSSAcceptorSubnegotiation(configuration: configuration))
      return .select(.gssapi, answer: answer)
    case .usernamePassword:
      self.state = .authenticatingPassword(UsernamePasswordSubnegotiation())
      return .select(.usernamePassword, answer: answer)
    case .noAuthentication:
      self.state = .awaitingRequest
      return .selectNoAuthentication(answer: answer)
    }
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

  mutating func receivedGSSMessage(
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

  mutating func receivedPassword(
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

  mutating func receivedRequest(_ buffer: inout ByteBuffer) -> Action {
    do throws(SOCKSError) {
      guard let request = try SOCKSRequest.decode(from: &buffer) else { return .readMore }
      guard let command = ServedCommand(request.command), self.configuration.commands.contains(command) else {
        throw SOCKSError(.unsupportedCommand, "the client asked for \(request.command)")
      }
      switch command {
      case .bind: self.state = .servingBind
      case .connect, .associate: self.state = .serving
      }
      return .serve(command, destination: request.destination)
    } catch {
      return self.refuse(error)
    }
  }
}
