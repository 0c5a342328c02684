import Glibc
import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSNIO

@Suite struct ServerDeadlineTests {
  /// Lets octets drip to just before the deadline, then it passes.
  private func expectDeadline(
    _ harness: ServerHarness, after seconds: Int64, dripping octets: [UInt8], answers events: [WireProbe.Event],
    phase: ServerNegotiation.Phase, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    harness.wire.probe.forget()
    let step = TimeAmount.milliseconds(seconds * 1_000 / Int64(octets.count + 1))
    var passed = TimeAmount.zero
    for octet in octets {
      harness.wire.advance(step)
      passed = passed + step
      harness.wire.receive([octet])
    }
    harness.wire.advance(.seconds(seconds) - passed - .nanoseconds(1))
    #expect(
      harness.wire.probe.events.isEmpty && harness.delegate.failures.isEmpty, sourceLocation: sourceLocation)
    harness.wire.advance(.nanoseconds(1))
    #expect(harness.wire.probe.events == events, sourceLocation: sourceLocation)
    #expect(harness.delegate.failures.map(\.error.code) == [.timedOut], sourceLocation: sourceLocation)
    #expect(harness.delegate.failures.map(\.phase) == [phase], sourceLocation: sourceLocation)
  }

  private static let abort: [WireProbe.Event] = [.wrote([0x01, 0xff]), .closedOutput]

  @Test func method() throws {
    expectDeadline(
      try ServerHarness(), after: 3, dripping: [0x05, 0x09, 0x01, 0x01], answers: [.closed], phase: .method)
  }

  @Test func authentication() throws {
    let harness = try ServerHarness()
    harness.wire.receive(ServerHarness.gssOffer)
    expectDeadline(
      harness, after: 5, dripping: [0x01, 0x01, 0xff, 0xff, 0x60, 0x00], answers: Self.abort, phase: .authentication)
  }

  @Test func authenticationWithAStepInFlight() throws {
    let harness = try ServerHarness()
    harness.wire.receive(ServerHarness.gssOffer)
    harness.wire.advance(.seconds(2))
    harness.establishment.holdsSteps = true
    harness.wire.receive(ByteScript.authentication([0x60]))
    harness.wire.advance(.nanoseconds(2_999_999_999))
    #expect(harness.delegate.failures.isEmpty)
    harness.wire.advance(.nanoseconds(1))
    #expect(harness.wire.probe.events.suffix(2) == Self.abort)
    #expect(harness.delegate.failures.map(\.error.code) == [.stepTimedOut])
    // Too late: the step's end brings nothing but the end of the context.
    let events = harness.wire.probe.events
    #expect(harness.establishment.isHeld && harness.establishment.protection != nil)
    harness.establishment.release()
    harness.wire.loop.run()
    #expect(harness.establishment.protection == nil)
    #expect(harness.wire.probe.events == events && harness.delegate.failures.count == 1)
  }

  /// Clients have timeouts of their own, and this side has been the slow one.
  @Test(arguments: [1, 999, 1_000, 4_000], [nil, ECONNRESET, ETIMEDOUT])
  func aClientThatLeavesDuringAStep(milliseconds: Int64, error: CInt?) throws {
    let harness = try ServerHarness()
    harness.wire.receive(ServerHarness.gssOffer)
    harness.establishment.holdsSteps = true
    harness.wire.receive(ByteScript.authentication([0x60]))
    harness.wire.advance(.milliseconds(milliseconds))
    if let error { harness.wire.channel.pipeline.fireErrorCaught(IOError(errnoCode: error, reason: "read")) }
    harness.wire.hangUp()
    let left: SOCKSError.Code = error == ETIMEDOUT ? .connectionLost : .connectionClosed
    let code: SOCKSError.Code = milliseconds < 1_000 ? left : .stepTimedOut
    #expect(harness.delegate.failures.map(\.error.code) == [code])
  }

  @Test func aPasswordThatIsStillBeingChecked() throws {
    let harness = try ServerHarness(methods: [.usernamePassword])
    harness.delegate.holds = true
    harness.wire.receive([0x05, 0x01, 0x02])
    harness.wire.receive([0x01, 0x01, 0x61, 0x01, 0x62])
    harness.wire.advance(.seconds(5))
    #expect(harness.wire.probe.events.suffix(2) == [.wrote([0x01, 0x01]), .closedOutput])
    #expect(harness.delegate.failures.map(\.error.code) == [.stepTimedOut])
    #expect(harness.delegate.failures.map(\.phase) == [.authentication])
  }

  @Test func severalRoundsHaveOneDeadline() throws {
    let harness = try ServerHarness(script: [.continueNeeded([0xa1]), .complete(nil)], maximumRounds: 2)
    harness.wire.receive(ServerHarness.gssOffer)
    harness.wire.advance(.seconds(4))
    harness.wire.receive(ByteScript.authentication([0x01]))
    expectDeadline(harness, after: 1, dripping: [0x01], answers: Self.abort, phase: .authentication)
  }

  @Test func level() throws {
    let harness = try ServerHarness()
    harness.wire.receive(ServerHarness.gssOffer)
    harness.wire.receive(ByteScript.authentication([0x60]))
    expectDeadline(harness, after: 7, dripping: [0x01, 0x02, 0x00, 0x40, 0x00], answers: Self.abort, phase: .level)
  }

  @Test func request() throws {
    let harness = try ServerHarness()
    harness.agree()
    let message = harness.client.encapsulated(ByteScript.connect())
    expectDeadline(harness, after: 11, dripping: Array(message.dropLast()), answers: [.closed], phase: .request)
  }

  @Test func requestInPlaintextThatDrips() throws {
    let harness = try ServerHarness()
    harness.agree()
    var dripping: [UInt8] = []
    for octet in ByteScript.connect().dropLast() { dripping += harness.client.encapsulated([octet]) }
    expectDeadline(harness, after: 11, dripping: dripping, answers: [.closed], phase: .request)
  }

  @Test func password() throws {
    let harness = try ServerHarness()
    harness.wire.receive([0x05, 0x01, 0x02])
    harness.delegate.holds = true
    harness.wire.receive([0x01, 0x01, 0x61, 0x01, 0x78])
    harness.wire.advance(.nanoseconds(4_999_999_999))
    #expect(harness.delegate.failures.isEmpty)
    harness.wire.advance(.nanoseconds(1))
    #expect(harness.wire.probe.events.suffix(2) == [.wrote([0x01, 0x01]), .closedOutput])
    harness.delegate.release()
    harness.wire.loop.run()
    #expect(harness.delegate.usernames.isEmpty)
  }

  @Test func servingHasNoDeadlineHere() throws {
    let harness = try ServerHarness()
    harness.agree()
    harness.delegate.holds = true
    harness.wire.receive(harness.client.encapsulated(ByteScript.connect()))
    harness.wire.advance(.hours(1))
    #expect(harness.delegate.failures.isEmpty && !harness.wire.probe.isClosed)
    harness.delegate.release()
    harness.wire.loop.run()
    harness.wire.advance(.hours(1))
    #expect(harness.delegate.handovers.count == 1 && !harness.wire.probe.isClosed)
  }
}
