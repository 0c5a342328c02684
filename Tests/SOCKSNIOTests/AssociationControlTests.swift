import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSNIO

/// The control connection of an association, from the reply on.
@Suite struct AssociationControlTests {
  final class Ends {
    var errors: [SOCKSError] = []
  }

  private func associate(_ ends: Ends) throws -> (EncapsulationHarness, DatagramProtection) {
    let harness = try EncapsulationHarness()
    // The request.
    harness.wire.force(harness.peer.encapsulated([1]))
    let handler = try #require(harness.handler)
    let protection = try handler.beginDatagrams()
    try harness.wire.channel.pipeline.syncOperations.addHandler(
      AssociationControlHandler { ends.errors.append($0) }, position: .after(handler))
    harness.wire.pump()
    return (harness, protection)
  }

  @Test func messagesAndDatagramsShareOneSequence() throws {
    let (harness, protection) = try self.associate(Ends())
    var request = ByteScript(firstNumber: 500)
    let drop = #expect(throws: DatagramDrop.self) {
      try protection.open(ByteBuffer(bytes: request.encapsulated(DatagramProtectionTests.plaintext([1]))))
    }
    #expect(drop == .repeated)
    let datagram = harness.peer.encapsulated(DatagramProtectionTests.plaintext([1]))
    #expect(try Array(protection.open(ByteBuffer(bytes: datagram)).data.readableBytesView) == [1])
  }

  @Test func whatWasFlushedIsSentBefore() throws {
    let harness = try EncapsulationHarness()
    let reply = Outcome(harness.write([5, 0]))
    harness.flush()
    let late = Outcome(harness.write([6]))
    _ = try #require(harness.handler).beginDatagrams()
    #expect(harness.sent?.map(\.plaintext) == [[5, 0]] && reply.hasSucceeded && late.hasFailed)
    let after = Outcome(harness.write([7]))
    harness.flush()
    #expect(after.hasFailed && harness.wire.probe.writes.count == 1)
  }

  /// A token behind the reply, empty or whole, part of one, one that is a datagram's, or anything else.
  @Test func anyOctetEndsTheAssociation() throws {
    let ends = Ends()
    for kind in 0..<5 {
      let (harness, protection) = try self.associate(ends)
      let token = harness.peer.encapsulated(DatagramProtectionTests.plaintext([1]))
      if kind == 1 { _ = try protection.open(ByteBuffer(bytes: token)) }
      let octets =
        switch kind {
        case 0, 1: token
        case 2: harness.peer.encapsulated([])
        case 3: [UInt8(1)]
        default: [UInt8](repeating: 5, count: 10)
        }
      let work = harness.protection.unwrapWork.count
      harness.wire.receive(octets)
      #expect(harness.wire.probe.isClosed && ends.errors.map(\.code) == [.unexpectedMessage], "kind \(kind)")
      #expect(harness.protection.unwrapWork.count == work)
      ends.errors = []
    }
  }

  @Test func theEndOfTheStreamEndsTheAssociation() throws {
    let ends = Ends()
    let (harness, _) = try self.associate(ends)
    harness.wire.receiveEnd()
    #expect(harness.wire.probe.isClosed && ends.errors.map(\.code) == [.connectionClosed])
  }

  @Test func aHangUpEndsTheAssociation() throws {
    let ends = Ends()
    let (harness, _) = try self.associate(ends)
    #expect(ends.errors.isEmpty)
    harness.wire.hangUp()
    #expect(ends.errors.map(\.code) == [.connectionClosed])
  }

  @Test func octetsInClearEndTheAssociation() throws {
    let ends = Ends()
    let wire = try Wire([AssociationControlHandler { ends.errors.append($0) }])
    try wire.connect()
    wire.pump()
    #expect(ends.errors.isEmpty)
    wire.receive([0])
    #expect(wire.probe.isClosed && ends.errors.map(\.code) == [.unexpectedMessage])
  }

  @Test func moreThanTheRequestIsNoAssociation() throws {
    let part = try EncapsulationHarness()
    part.wire.force(Array(part.peer.encapsulated([1]).prefix(5)))
    #expect(throws: SOCKSError(.unexpectedMessage)) { try part.handler?.beginDatagrams() }

    let poisoned = try EncapsulationHarness()
    poisoned.wire.force([9])
    #expect(throws: SOCKSError(.connectionClosed)) { try poisoned.handler?.beginDatagrams() }
  }

  @Test func anUnnumberedContextIsNoAssociation() throws {
    let context = FakeProtection()
    var check = IncomingMessageCheck()
    try check.verify(UnwrapOutcome(plaintextLength: 1, isConfidential: false, status: [], sequenceNumber: nil))
    let agreed = AgreedProtection(level: .integrity, attributes: .fake(), incoming: check.at(.integrity))
    let handler = EncapsulationHandler(protection: context, agreed: agreed, selective: .always)
    let wire = try Wire([handler])
    try wire.connect()
    #expect(throws: SOCKSError(.protectionFailed)) { try handler.beginDatagrams() }
  }
}
