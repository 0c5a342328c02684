import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSNIO
import SOCKSTestSupport

/// The layer alone, between a wire and an application.
final class EncapsulationHarness {
  let wire: Wire
  let protection: FakeProtection
  let upper = UpperProbe()
  private(set) weak var handler: EncapsulationHandler?
  /// The other end.
  var peer: ByteScript

  init(
    level: ProtectionLevel = .confidentiality, selective: SelectiveSealing.Policy = .unlessEncrypted,
    loop: EmbeddedEventLoop = EmbeddedEventLoop(), prepare: (FakeProtection) -> Void = { _ in }
  ) throws {
    self.wire = try Wire(loop: loop)
    self.protection = FakeProtection()
    prepare(self.protection)
    self.peer = ByteScript(firstNumber: 500)
    let agreed = AgreedProtection(
      level: level, attributes: .fake(), incoming: try IncomingMessageCheck(after: 499, at: level))
    let handler = EncapsulationHandler(protection: self.protection, agreed: agreed, selective: selective)
    self.handler = handler
    try self.wire.channel.pipeline.syncOperations.addHandlers(handler, self.upper)
    try self.wire.connect()
  }

  /// What the peer opens of everything that was written; nil when something else is among it.
  var sent: [FakeToken]? { ByteScript.tokens(in: self.wire.probe.octets) }

  func write(_ octets: [UInt8]) -> EventLoopFuture<Void> {
    self.wire.channel.write(ByteBuffer(bytes: octets))
  }

  func flush() { self.wire.channel.flush() }

  func beginStream() {
    self.wire.channel.triggerUserOutboundEvent(EncapsulationHandler.StreamBegan(), promise: nil)
  }

  /// Nothing passes any more in either direction.
  var isDead: Bool {
    let octets = self.upper.octets.count
    let closes = self.upper.inputCloses
    let sent = self.wire.probe.writes.count
    let outcome = Outcome(self.write([0xdd]))
    self.flush()
    self.wire.force(self.peer.encapsulated([0xee]))
    self.wire.forceEnd()
    return outcome.hasFailed && self.upper.octets.count == octets && self.upper.inputCloses == closes
      && self.wire.probe.writes.count == sent && self.upper.errors.count == 1
  }
}

extension IncomingMessageCheck {
  /// The check of a peer whose level message had this number.
  init(after number: UInt64, at level: ProtectionLevel) throws(SOCKSError) {
    var check = IncomingMessageCheck()
    try check.verify(
      UnwrapOutcome(plaintextLength: 1, isConfidential: false, status: [], sequenceNumber: number))
    self = check.at(level)
  }
}

/// What has become of a promise.
final class Outcome {
  private(set) var hasSucceeded = false
  private(set) var error: (any Error)?
  var hasFailed: Bool { self.error != nil }

  init(_ future: EventLoopFuture<Void>) {
    future.assumeIsolated().whenComplete { result in
      switch result {
      case .success: self.hasSucceeded = true
      case .failure(let error): self.error = error
      }
    }
  }
}

/// Octets that differ from place to place.
func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(($0 + $0 / 251) & 0xff) } }
