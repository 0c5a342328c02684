import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSNIO
import SOCKSTestSupport

/// A server's negotiation on a channel, with a scripted client.
final class ServerHarness {
  let wire: Wire
  let delegate = ScriptedDelegate()
  let establishment: FakeEstablishment
  private(set) weak var handler: ServerNegotiationHandler?
  var client = ByteScript()

  /// What the client sends first and what the context answers.
  static let token: [UInt8] = [0x60, 0x01, 0x02]
  static let answer: [UInt8] = [0x60, 0x0a]
  static let gssOffer: [UInt8] = [0x05, 0x01, 0x01]

  init(
    methods: [SOCKSMethod] = [.gssapi, .usernamePassword, .noAuthentication],
    levels: Set<ProtectionLevel> = [.integrity, .confidentiality, .selective],
    script: [FakeEstablishment.Step] = [.complete(answer)], maximumRounds: Int = 1,
    compatibility: Set<CompatibilitySwitch> = [], timeouts: NegotiationTimeouts = .test,
    selective: SelectiveSealing.Policy = .unlessEncrypted,
    prepare: @escaping (FakeProtection) -> Void = { _ in }
  ) throws {
    let wire = try Wire()
    self.wire = wire
    self.delegate.loop = wire.loop
    let establishment = FakeEstablishment(script, on: wire.loop)
    establishment.prepare = prepare
    self.establishment = establishment
    let configuration = ServerNegotiation.Configuration(
      methods: methods,
      gss: .init(
        levels: levels, requirements: .acceptor(servedNames: ["socks"]), maximumRounds: maximumRounds,
        compatibility: compatibility),
      commands: [.connect, .bind])
    let handler = ServerNegotiationHandler(
      configuration: configuration, timeouts: timeouts, selective: selective,
      establishment: { establishment }, delegate: self.delegate)
    self.handler = handler
    try wire.channel.pipeline.syncOperations.addHandler(handler)
    try wire.connect()
  }

  /// What a client sends up to its request, and then the data.
  func clientOctets(level: UInt8, sealed: Bool = true, earlyData: [UInt8] = []) -> [[UInt8]] {
    var parts = [Self.gssOffer, ByteScript.authentication(Self.token)]
    parts.append(self.client.level([level]))
    parts.append(self.client.encapsulated(ByteScript.connect(), sealed: sealed))
    if !earlyData.isEmpty { parts.append(self.client.encapsulated(earlyData, sealed: sealed)) }
    return parts
  }

  /// Up to the agreed level.
  func agree(level: UInt8 = 2) {
    self.wire.receive(Self.gssOffer)
    self.wire.receive(ByteScript.authentication(Self.token))
    self.wire.receive(self.client.level([level]))
  }
}

extension NegotiationTimeouts {
  /// Four different numbers.
  static let test = Self(method: .seconds(3), authentication: .seconds(5), level: .seconds(7), request: .seconds(11))
}

/// A session that does as the test says.
final class ScriptedDelegate: ServerNegotiationDelegate {
  struct Handover {
    var earlyData: [UInt8]
    var inputClosed: Bool
  }

  private(set) var agreed: [AgreedProtection] = []
  private(set) var methods: [SOCKSMethod] = []
  private(set) var unprotected: [UnprotectedSession] = []
  private(set) var usernames: [[UInt8]?] = []
  private(set) var passwords: [UsernamePasswordRequest] = []
  private(set) var requests: [SOCKSRequest] = []
  private(set) var handovers: [Handover] = []
  private(set) var failures: [(error: SOCKSError, phase: ServerNegotiation.Phase)] = []
  /// What comes after the hand-over.
  let upper = UpperProbe()

  var reply = SOCKSReply(code: .succeeded, bound: SOCKSAddress(.v4(0xc000_0202), port: 4_321))
  /// For BIND.
  var announced = SOCKSAddress(.v4(0xc000_0202), port: 4_322)
  var passwordOutcome = PasswordOutcome.correct
  /// Requests and passwords are answered only by ``release()``.
  var holds = false
  /// Completions come before the call that they answer has returned.
  var answersAtOnce = false
  private var held: (() -> Void)?
  weak var loop: EmbeddedEventLoop?

  func release() {
    let held = self.held
    self.held = nil
    held?()
    self.loop?.run()
  }

  func negotiationAgreed(_ agreed: AgreedProtection) { self.agreed.append(agreed) }

  func negotiationSelected(_ method: SOCKSMethod) { self.methods.append(method) }

  func negotiationLeftUnprotected(_ session: UnprotectedSession) { self.unprotected.append(session) }

  func negotiationAuthenticated(username: [UInt8]?) { self.usernames.append(username) }

  func negotiationReceivedPassword(
    _ request: UsernamePasswordRequest, completion: @escaping (PasswordOutcome) -> Void
  ) {
    self.passwords.append(request)
    self.answer { completion(self.passwordOutcome) }
  }

  func negotiationReceivedRequest(
    _ request: SOCKSRequest, announcement: @escaping (SOCKSAddress) -> Void,
    completion: @escaping (SOCKSReply) -> Void
  ) {
    self.requests.append(request)
    guard request.command == .bind else { return self.answer { completion(self.reply) } }
    self.answer {
      announcement(self.announced)
      self.answer { completion(self.reply) }
    }
  }

  func negotiationSucceeded(
    _ handler: ServerNegotiationHandler, context: ChannelHandlerContext, earlyData: ByteBuffer, inputClosed: Bool
  ) {
    self.handovers.append(Handover(earlyData: Array(earlyData.readableBytesView), inputClosed: inputClosed))
    do {
      try context.pipeline.syncOperations.addHandler(self.upper, position: .after(handler))
    } catch {
      self.failures.append((SOCKSError(.internalError, "\(error)"), .relaying))
    }
    context.pipeline.syncOperations.removeHandler(handler, promise: nil)
  }

  func negotiationFailed(_ error: SOCKSError, phase: ServerNegotiation.Phase) {
    self.failures.append((error, phase))
  }

  private func answer(_ answer: @escaping () -> Void) {
    if self.answersAtOnce { return answer() }
    if self.holds { self.held = answer } else { self.loop?.assumeIsolated().execute(answer) }
  }
}
