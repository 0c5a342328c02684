import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSNIO
import SOCKSTestSupport

/// A client's negotiation on a channel, with a scripted gateway.
final class ClientHarness {
  let wire: Wire
  let establishment: FakeEstablishment
  let upper = UpperProbe()
  private(set) weak var handler: ClientNegotiationHandler?
  private(set) var results: [Result<ClientNegotiationHandler.Outcome, SOCKSError>] = []
  private(set) var announcements: [ClientNegotiationHandler.Outcome] = []
  var server = ByteScript()
  /// The handler is removed when it succeeds.
  var removesHandler = true

  static let token: [UInt8] = [0x60, 0x01]
  static let answer: [UInt8] = [0x60, 0x0a]

  init(
    authentication: ClientNegotiation.Authentication? = nil, level: ProtectionLevel = .confidentiality,
    command: SOCKSCommand = .connect,
    script: [FakeEstablishment.Step] = [.continueNeeded(token), .complete(nil)],
    prepare: @escaping (FakeProtection) -> Void = { _ in }
  ) throws {
    self.wire = try Wire()
    self.establishment = FakeEstablishment(script, on: self.wire.loop)
    self.establishment.prepare = prepare
    let configuration = ClientNegotiation.Configuration(
      authentication: authentication ?? .gssapi(.init(level: level)),
      request: SOCKSRequest(command: command, destination: SOCKSAddress(.v4(0xc000_0201), port: 80)))
    let handler = ClientNegotiationHandler(
      configuration: configuration, selective: .unlessEncrypted, establishment: self.establishment,
      timeout: .seconds(9), acceptTimeout: .seconds(90),
      announcement: { [weak self] in self?.announcements.append($0) }
    ) { [weak self] result in
      guard let self else { return }
      self.results.append(result)
      guard case .success = result, self.removesHandler, let handler = self.handler else { return }
      self.wire.channel.pipeline.syncOperations.removeHandler(handler, promise: nil)
    }
    self.handler = handler
    try self.wire.channel.pipeline.syncOperations.addHandlers(handler, self.upper)
    try self.wire.connect()
  }

  var outcome: ClientNegotiationHandler.Outcome? {
    if case .some(.success(let outcome)) = self.results.first { outcome } else { nil }
  }
  var errors: [SOCKSError.Code] {
    self.results.compactMap { result in
      if case .failure(let error) = result { error.code } else { nil }
    }
  }

  /// What a gateway sends up to its reply.
  func serverOctets(level: UInt8, sealed: Bool = true) -> [[UInt8]] {
    [
      [0x05, 0x01], ByteScript.authentication(Self.answer), self.server.level([level]),
      self.server.encapsulated(ByteScript.reply(), sealed: sealed),
    ]
  }

  /// Up to where the level's answer is due.
  func establish() {
    self.wire.receive([0x05, 0x01])
    self.wire.receive(ByteScript.authentication(Self.answer))
  }
}
