import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSNIO

@Suite struct ServerLifetimeTests {
  private enum Point: CaseIterable {
    case method, authentication, step, level, request, serving, relaying, lingering
  }

  private func harness(at point: Point) throws -> ServerHarness {
    let harness = try ServerHarness()
    if point == .method { return harness }
    harness.wire.receive(ServerHarness.gssOffer)
    if point == .authentication { return harness }
    if point == .lingering {
      harness.wire.receive([0x01, 0xff])
      return harness
    }
    harness.establishment.holdsSteps = point == .step
    harness.wire.receive(ByteScript.authentication(ServerHarness.token))
    if point == .step || point == .level { return harness }
    harness.wire.receive(harness.client.level([0x02]))
    if point == .request { return harness }
    harness.delegate.holds = point == .serving
    harness.wire.receive(harness.client.encapsulated(ByteScript.connect()))
    return harness
  }

  @Test(arguments: Point.allCases)
  private func aHangUpFreesEverything(point: Point) throws {
    let harness = try harness(at: point)
    let failures = harness.delegate.failures.count
    #expect((harness.handler == nil) == (point == .relaying))
    harness.wire.hangUp()
    switch point {
    case .relaying, .lingering:
      #expect(harness.delegate.failures.count == failures)
    case .method, .authentication, .step, .level, .request, .serving:
      #expect(harness.delegate.failures.map(\.error.code) == [.connectionClosed])
    }
    #expect(harness.handler == nil)
    if point == .step { #expect(harness.establishment.protection != nil) }
    harness.establishment.release()
    harness.delegate.release()
    harness.wire.loop.run()
    #expect(harness.establishment.protection == nil)
    #expect(harness.delegate.handovers.count == (point == .relaying ? 1 : 0))
    #expect(harness.delegate.failures.count <= 1)
    // No timer is left that would act on a channel that has gone.
    harness.wire.advance(.hours(1))
    #expect(harness.delegate.failures.count <= 1)
  }

  @Test(arguments: [
    (Point.method, 0, SOCKSError.Code.connectionClosed), (.method, 1, .truncated),
    (.authentication, 0, .connectionClosed), (.authentication, 5, .truncated),
    (.level, 0, .connectionClosed), (.level, 5, .truncated),
    (.request, 0, .connectionClosed), (.request, 20, .truncated),
  ])
  private func theClientsEndInEachPhase(point: Point, octets: Int, code: SOCKSError.Code) throws {
    let harness = try harness(at: point)
    let writes = harness.wire.probe.writes.count
    let next: [UInt8] =
      switch point {
      case .method: [0x05]
      case .authentication: ByteScript.authentication(ServerHarness.token)
      case .level: harness.client.level([0x02])
      default: harness.client.encapsulated(ByteScript.connect())
      }
    harness.wire.receive(Array(next.prefix(octets)))
    harness.wire.receiveEnd()
    #expect(harness.wire.probe.isClosed)
    #expect(harness.delegate.failures.map(\.error.code) == [code])
    let answers = harness.wire.probe.writes.dropFirst(writes)
    #expect(answers == (point == .authentication || point == .level ? [[0x01, 0xff]] : []))
    #expect(harness.handler == nil)
  }

  @Test func aRefusedConnectionLeavesNothing() throws {
    let harness = try ServerHarness(methods: [.gssapi])
    harness.wire.receive([0x05, 0x01, 0x00])
    harness.wire.advance(.seconds(2))
    #expect(harness.wire.probe.isClosed && harness.handler == nil)
  }

  @Test func theContextGoesWithTheChannel() throws {
    let harness = try ServerHarness()
    harness.agree()
    #expect(harness.establishment.protection != nil)
    harness.wire.receive(harness.client.encapsulated(ByteScript.connect()))
    #expect(harness.establishment.protection != nil)
    harness.wire.hangUp()
    #expect(harness.establishment.protection == nil)
  }
}
