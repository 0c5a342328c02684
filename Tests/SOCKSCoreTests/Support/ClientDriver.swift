import NIOCore
import SOCKSCore

/// Runs a client machine as a handler would, with the fake mechanism, and every step done at once.
struct ClientDriver {
  private(set) var machine: ClientNegotiation
  private var context: FakeContext
  private var network = ByteBuffer()
  private var plaintext = ByteBuffer()
  private var incoming: IncomingMessageCheck?
  private var sendNumber: UInt64 = 3_000
  private(set) var agreed: AgreedProtection?
  private(set) var outputs: [PeerOutput] = []
  /// What has been sent and not been taken by the test.
  private(set) var sent: [UInt8] = []
  private(set) var isClosed = false
  private(set) var hasSucceeded = false

  init(_ configuration: ClientNegotiation.Configuration, context: FakeContext = FakeContext()) {
    self.machine = ClientNegotiation(configuration: configuration)
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

  mutating func connect() {
    _ = self.run(self.machine.connected())
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
    if self.incoming == nil {
      if self.hasSucceeded {
        self.outputs += Self.data(in: &self.network)
        return false
      }
      return self.run(self.machine.receivedOctets(&self.network))
    }
    let hasOpened = self.openNextMessage()
    guard !self.isClosed else { return false }
    if self.hasSucceeded {
      self.outputs += Self.data(in: &self.plaintext)
      return hasOpened
    }
    return self.run(self.machine.receivedOctets(&self.plaintext)) || hasOpened
  }

  private static func data(in buffer: inout ByteBuffer) -> [PeerOutput] {
    let octets = buffer.octets
    buffer.clear()
    return octets.isEmpty ? [] : [.data(octets)]
  }

  private mutating func run(_ action: ClientNegotiation.Action) -> Bool {
    switch action {
    case .readMore, .wait, .discard:
      return false
    case .send(let octets):
      self.send(octets)
      return true
    case .stepContext(let token):
      return self.run(self.machine.stepFinished(self.context.initiate(token)))
    case .wrapProtectionLevel(let octet):
      let token = FakeToken.wrap([octet], from: .client, number: self.sendNumber, isSealed: false)
      self.sendNumber += 1
      return self.run(self.machine.protectionLevelWrapped(.wrapped(token: token)))
    case .unwrapProtectionLevel(let token):
      return self.run(self.machine.protectionLevelUnwrapped(FakeToken.unwrap(token, from: .server)))
    case .protect(let agreed, let request):
      self.agreed = agreed
      self.incoming = agreed.incoming
      self.send(request)
      return true
    case .announce:
      self.outputs.append(.announced)
      return true
    case .succeed:
      self.hasSucceeded = true
      self.outputs.append(.succeeded)
      return true
    case .fail(let error):
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
      switch FakeToken.unwrap(token, from: .server) {
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
      octets.octets, from: .client, number: self.sendNumber, isSealed: agreed.level.needsConfidentiality)
    self.sendNumber += 1
  }

  private mutating func close(_ error: SOCKSError) {
    self.isClosed = true
    self.outputs.append(.closed(error.code))
  }
}
