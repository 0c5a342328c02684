import NIOCore
import SOCKSCore
import Testing

@testable import SOCKSServer

/// What the rules say to a target of an association depends on the gateway's own sockets, which come and go.
@Suite(.timeLimit(.minutes(1))) struct OwnSocketDecisionTests {
  /// A range of two ports that nobody has.
  private static func twoPorts() async throws -> ClosedRange<UInt16> {
    while true {
      let first = UInt16.random(in: 20_000..<30_000)
      guard let one = try? await DatagramPeer(port: first) else { continue }
      let two = try? await DatagramPeer(port: first + 1)
      await one.close()
      await two?.close()
      if two != nil { return first...first + 1 }
    }
  }

  @Test(arguments: [true, false]) func socketsThatOpenAndClose(byName: Bool) async throws {
    let ports = try await Self.twoPorts()
    let setting = GatewayUnderTest.Setting.associating {
      $0.udp.ports = PortRange(ports)
      $0.lookUp = { _, _ in .success([.v4(0x7f00_0001)]) }
    }
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await AssociatedPeer(gateway)
      let free = client.relay.port == ports.lowerBound ? ports.upperBound : ports.lowerBound
      let target =
        byName ? try SOCKSAddress(name: "host.test", port: free) : SOCKSAddress(.v4(0x7f00_0001), port: free)
      let longer = Duration.milliseconds(1_200)
      let marker = try await DatagramPeer()
      // The gateway has decided on a datagram when the next one has come out.
      func decide(_ data: [UInt8]) async throws {
        try await client.send(data, to: target)
        try await client.send([9], to: marker.address)
        #expect(try await marker.receive().octets == [9])
      }
      // Nobody's.
      try await decide([1])
      let other = try await AssociatedPeer(gateway)
      #expect(other.relay.port == free)
      try await Task.sleep(for: longer)
      try await decide([2])
      await marker.close()
      await other.close()
      _ = try await gateway.log.next()
      // Nobody's again, and then that of a program.
      try await Task.sleep(for: longer)
      let program = try await DatagramPeer(port: free)
      try await client.send([3], to: target)
      #expect(try await program.receive().octets == [3])
      await program.close()
      await client.close()
      let record = try await gateway.log.next()
      #expect(record["dropped_refused_by_rule"] == "1" && record["datagrams_up"] == "4", "\(record)")
    }
  }
}
