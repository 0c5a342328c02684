import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSNIO
import SOCKSTestSupport

/// A server's negotiation on a channel, with a scripted client.
final class ServerHarness {
  enum AuthenticationMethod: CaseIterable { case gssapi, usernamePassword, noAuthentication }

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
    methods: [AuthenticationMethod] = AuthenticationMethod.allCases,
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
    let gss = GSSAcceptorSubnegotiation.Configuration(
      levels: levels, requirements: .acceptor(servedNames: ["socks"]), maximumRounds: maximumRounds,
      compatibility: compatibility)
    let configuration = ServerNegotiation.Configuration(
      methods: methods.map { method in
        switch method {
        case .gssapi: .gssapi(gss)
        case .usernamePassword: .usernamePassword
        case .noAuthentication: .noAuthentication
        }
      }, commands: [.connect, .bind])
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
  private(set) var requests: [(command: ServedCommand, destination: SOCKSAddress)] = []
  private(set) var passwordAnswer: PasswordAnswer?
  private(set) var requestAnswer: RequestAnswer?
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
  /// Answers are given before the call that asks for them has returned.
  var answersAtOnce = false
  private var held: (() -> Void)?
  weak var loop: EmbeddedEventLoop?

  func release() {
    let held = self.held
    self.held = nil
    held?()
    self.loop?.run()
  }

  func negotiation(_ event: ServerNegotiationEvent) {
    switch event {
    case .selected(let method): self.methods.append(method)
    case .receivedCredential: break
    case .receivedPassword(let request, let answer):
      self.passwords.append(request)
      self.passwordAnswer = answer
      self.answer { answer.finish(self.passwordOutcome) }
    case .authenticated(.protected(let agreed, _)): self.agreed.append(agreed)
    case .authenticated(.unprotected(let session)): self.unprotected.append(session)
    case .authenticated(.user(let name)): self.usernames.append(name)
    case .authenticated(.unauthenticated): self.usernames.append(nil)
    case .receivedRequest(let command, let destination, let answer): self.serve(command, destination, answer)
    case .succeeded(let handover): self.succeeded(handover)
    case .failed(let error, let phase): self.failures.append((error, phase))
    }
  }

  private func serve(_ command: ServedCommand, _ destination: SOCKSAddress, _ answer: RequestAnswer) {
    self.requests.append((command, destination))
    self.requestAnswer = answer
    switch command {
    case .connect, .associate: self.answer { answer.finish(self.reply) }
    case .bind:
      self.answer {
        answer.announce(self.announced)
        self.answer { answer.finish(self.reply) }
      }
    }
  }

  private func succeeded(_ handover: ServerNegotiationHandover) {
    self.handovers.append(
      Handover(earlyData: Array(handover.earlyData.readableBytesView), inputClosed: handover.inputClosed))
    let pipeline = handover.context.pipeline.syncOperations
    do {
      try pipeline.addHandler(self.upper, position: .after(handover.handler))
    } catch {
      self.failures.append((SOCKSError(.internalError, "\(error)"), .relaying))
    }
    pipeline.removeHandler(handover.handler, promise: nil)
  }

  private func answer(_ answer: @escaping () -> Void) {
    if self.answersAtOnce { return answer() }
    if self.holds { self.held = answer } else { self.loop?.assumeIsolated().execute(answer) }
  }
}
