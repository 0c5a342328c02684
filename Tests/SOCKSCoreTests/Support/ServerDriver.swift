import NIOCore
import SOCKSCore

/// Runs a server machine as a handler would, with the fake mechanism, and every step done at once.
struct ServerDriver {
  private(set) var machine: ServerNegotiation
  private var context: FakeContext
  private var network = ByteBuffer()
  private var plaintext = ByteBuffer()
  private var incoming: IncomingMessageCheck?
  private var sendNumber: UInt64 = 7_000
  private(set) var agreed: AgreedProtection?
  private(set) var unprotected: UnprotectedSession?
  private(set) var outputs: [PeerOutput] = []
  /// What has been sent and not been taken by the test.
  private(set) var sent: [UInt8] = []
  private(set) var isClosed = false
  private var isRelaying = false

  init(_ configuration: ServerNegotiation.Configuration, context: FakeContext = FakeContext()) {
    self.machine = ServerNegotiation(configuration: configuration)
    self.context = context
  }

  mutating func takeOutputs() -> [PeerOutput] {
    defer { self.outputs = [] }
    return self.outputs
  }

  mutating func takeSent() -> [UInt8] {
    defer { self.sent = [] }
    return self.sent
  }

  /// After the end the octets go to the machine all the same: it has to stay silent.
  mutating func receive(_ octets: [UInt8]) {
    self.network.writeBytes(octets)
    guard !self.isClosed else {
      if self.incoming == nil { _ = self.run(self.machine.receivedOctets(&self.network)) }
      return
    }
    while !self.isClosed, self.advance() {}
  }

  mutating func write(_ octets: [UInt8]) { self.send(ByteBuffer(bytes: octets)) }

  /// One action; false when more octets are needed.
  private mutating func advance() -> Bool {
    guard self.incoming != nil else {
      guard self.isRelaying else { return self.run(self.machine.receivedOctets(&self.network)) }
      if self.network.readableBytes > 0 { self.outputs.append(.data(self.network.octets)) }
      self.network.clear()
      return false
    }
    let hasOpened = self.openNextMessage()
    guard !self.isClosed else { return false }
    if self.isRelaying {
      if self.plaintext.readableBytes > 0 { self.outputs.append(.data(self.plaintext.octets)) }
      self.plaintext.clear()
      return hasOpened
    }
    return self.run(self.machine.receivedOctets(&self.plaintext)) || hasOpened
  }

  private mutating func run(_ action: ServerNegotiation.Action) -> Bool {
    switch action {
    case .readMore, .wait, .discard:
      return false
    case .send(let octets), .select(_, let octets), .selectNoAuthentication(let octets), .accept(_, let octets),
      .announce(let octets):
      self.send(octets)
      return true
    case .stepContext(let token):
      return self.run(self.machine.stepFinished(self.context.accept(token)))
    case .unwrapProtectionLevel(let token):
      return self.run(self.machine.protectionLevelUnwrapped(FakeToken.unwrap(token, from: .client)))
    case .wrapProtectionLevel(let octet):
      let token = FakeToken.wrap([octet], from: .server, number: self.sendNumber, isSealed: false)
      self.sendNumber += 1
      return self.run(self.machine.protectionLevelWrapped(.wrapped(token: token)))
    case .protect(let agreed, let answer):
      self.send(answer)
      self.agreed = agreed
      self.incoming = agreed.incoming
      return true
    case .leaveUnprotected(let session, let answer):
      if let answer { self.send(answer) }
      self.unprotected = session
      return true
    case .checkPassword(let request):
      return self.run(self.machine.passwordChecked(request.password == Array("secret".utf8) ? .correct : .refused))
    case .serve(let command, let destination):
      self.outputs.append(.served(command, destination))
      switch command {
      // The second reply is the test's.
      case .bind: return self.run(self.machine.announced(SOCKSReply.success.bound))
      case .connect, .associate: return self.run(self.machine.requestFinished(.success))
      }
    case .relay(let reply):
      self.send(reply)
      self.isRelaying = true
      return true
    case .refuse(let answer, let error):
      self.send(answer)
      self.close(error)
      return false
    case .close(let error):
      self.close(error)
      return false
    }
  }

  /// What the encapsulation handler does.
  private mutating func openNextMessage() -> Bool {
    do throws(SOCKSError) {
      guard let message = try GSSMessage.decode(from: &self.network) else { return false }
      guard case .encapsulation(let token) = message, token.readableBytes > 0 else {
        throw SOCKSError(.unexpectedMessage)
      }
      switch FakeToken.unwrap(token, from: .client) {
      case .failed(let error): throw error
      case .unwrapped(let octets, let outcome):
        try self.incoming?.verify(outcome)
        self.plaintext.writeBytes(octets)
        return true
      }
    } catch {
      self.close(error)
      return false
    }
  }

  private mutating func send(_ octets: ByteBuffer) {
    guard let agreed else {
      self.outputs.append(.clear(octets.octets))
      self.sent += octets.octets
      return
    }
    self.outputs.append(.protected(octets.octets))
    self.sent += FakeToken.encapsulation(
      octets.octets, from: .server, number: self.sendNumber, isSealed: agreed.level.needsConfidentiality)
    self.sendNumber += 1
  }

  private mutating func close(_ error: SOCKSError) {
    self.isClosed = true
    self.outputs.append(.closed(error.code))
  }
}
