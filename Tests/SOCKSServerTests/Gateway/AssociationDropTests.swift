import NIOCore
import Platform
import SOCKSCore
import SOCKSNIO
import SOCKSTestSupport
import Testing

@testable import SOCKSServer

/// Datagrams that are not passed on: counted by reason, and never answered.
@Suite(.timeLimit(.minutes(5))) struct AssociationDropTests {
  typealias Setting = GatewayUnderTest.Setting

  @Test func everythingInvalidIsDropped() async throws {
    try await AssociationTests.associated { gateway, client, target in
      let good = client.datagram([1], to: target.address)
      try await client.sendRaw(good)
      #expect(try await target.receive().octets == [1])
      // Replayed, in clear, shorter, longer, tampered, signed only.
      try await client.sendRaw(good)
      try await client.sendRaw(AssociatedPeer.plaintext([2], to: target.address))
      let other = client.datagram([3], to: target.address)
      try await client.sendRaw(Array(other.dropLast()))
      try await client.sendRaw(other + [0])
      try await client.sendRaw([])
      try await client.sendRaw(other.dropLast() + [other[other.count - 1] ^ 1])
      let plaintext = AssociatedPeer.plaintext([4], to: target.address)
      try await client.sendRaw(client.control.script.encapsulated(plaintext, sealed: false))
      // A header that is cut, or has something in its reserved octets, or an unknown type of address; a fragment.
      for count in [0, 1, 9] {
        try await client.sendRaw(client.control.script.encapsulated(Array(plaintext.prefix(count))))
      }
      try await client.sendRaw(client.control.script.encapsulated([0, 1] + plaintext.dropFirst(2)))
      try await client.sendRaw(client.control.script.encapsulated([0, 0, 0, 2] + plaintext.dropFirst(4)))
      try await client.sendRaw(client.control.script.encapsulated([0, 0, 0, 3, 1, 0, 0, 9]))
      try await client.send([5], to: target.address, fragment: 0x81)
      // Beyond the window, and back in front of it.
      client.control.script.nextNumber += 10_000
      try await client.send([6], to: target.address)
      client.control.script.nextNumber -= 9_000
      try await client.send([7], to: target.address)
      #expect(try await target.receive().octets == [6])
      client.control.script.nextNumber += 10_000
      try await client.send([8], to: target.address)
      #expect(try await target.receive().octets == [8])
      #expect(client.socket.count == 0 && target.count == 3)
      await client.close()
      let record = try await gateway.log.next()
      let expected = [
        "repeated": 1, "unprotected": 1, "wrong_length": 3, "not_genuine": 1, "not_confidential": 1,
        "malformed_header": 5, "malformed_name": 1, "fragment": 1, "late": 1,
      ]
      for (reason, count) in expected { #expect(record["dropped_\(reason)"] == "\(count)", "\(reason)") }
      #expect(record["dropped"] == "15" && record["datagrams_up"] == "3")
    }
  }

  /// `GARTER_INVALID_DATAGRAMS=1000000` for the whole number.
  @Test func aFloodOfInvalidDatagramsHasNoAnswer() async throws {
    let count = Environment.get("GARTER_INVALID_DATAGRAMS").flatMap { Int($0) } ?? 20_000
    try await AssociationTests.associated { gateway, client, target in
      let good = client.datagram([1], to: target.address)
      try await client.sendRaw(good)
      #expect(try await target.receive().octets == [1])
      let kinds: [[UInt8]] = [
        good, AssociatedPeer.plaintext([2], to: target.address), good + [0], Array(good.dropLast()),
        Array(good.dropLast()) + [good[good.count - 1] ^ 1], [UInt8](repeating: 0xff, count: 1_400), [0x01, 0xff],
      ]
      for number in 0..<count {
        try await client.sendRaw(kinds[number % kinds.count])
        // A datagram that is relayed now and then, so that the flood is not the system's to drop.
        guard number % 100 == 99 else { continue }
        try await client.send([2], to: target.address)
        #expect(try await target.receive().octets == [2])
      }
      #expect(client.socket.count == 0)
      await client.close()
      let record = try await gateway.log.next()
      #expect(record["dropped"] == "\(count)" && record["datagrams_up"] == "\(1 + count / 100)")
    }
  }

  @Test func whatDoesNotFitIsDropped() async throws {
    try await AssociationTests.associated { gateway, client, target in
      let most = DatagramProtection.maximumDatagram - 4 - FakeToken.overhead - 10
      try await client.send(pattern(most), to: target.address)
      let received = try await target.receive()
      #expect(received.octets.count == most)
      try await target.send(pattern(most + 1), to: received.source)
      try await target.send(pattern(65_507), to: received.source)
      try await target.send(pattern(most), to: received.source)
      #expect(try await client.receive().data == pattern(most))
      await client.close()
      let record = try await gateway.log.next()
      #expect(record["dropped_too_large"] == "2" && record["dropped"] == "2")
    }
  }

  @Test func fragmentsArePutTogetherWhereThatIsWanted() async throws {
    let setting = Setting.associating { $0.udp.fragments = .reassemble }
    try await AssociationTests.associated(setting) { gateway, client, target in
      for fragment in [0x01, 0x02, 0x83] as [UInt8] {
        try await client.send([fragment], to: target.address, fragment: fragment)
      }
      #expect(try await target.receive().octets == [0x01, 0x02, 0x83])
      // A whole datagram abandons what has begun; so does a gap.
      try await client.send([1], to: target.address, fragment: 0x01)
      try await client.send([9], to: target.address)
      try await client.send([1], to: target.address, fragment: 0x01)
      try await client.send([3], to: target.address, fragment: 0x83)
      // Together they are more than any datagram holds.
      try await client.send(pattern(40_000), to: target.address, fragment: 0x01)
      try await client.send(pattern(25_520), to: target.address, fragment: 0x82)
      try await client.send([8], to: target.address, fragment: 0x81)
      #expect(try await target.receive().octets == [9])
      #expect(try await target.receive().octets == [8])
      await client.close()
      let record = try await gateway.log.next()
      #expect(record["dropped_fragment"] == "3" && record["dropped_too_large"] == "1")
    }
  }

  @Test func aHundredThousandDatagramsWithLossAndReorderingAreDeliveredOnce() async throws {
    try await AssociationTests.associated { gateway, client, target in
      let count = 2_000
      var datagrams = (0..<count).map { number in
        client.datagram([UInt8(number >> 8), UInt8(number & 0xff)], to: target.address)
      }
      datagrams = datagrams.enumerated().filter { $0.offset % 20 != 7 }.map(\.element)
      var order: [[UInt8]] = []
      for start in stride(from: 0, to: datagrams.count, by: 50) {
        let part = datagrams[start..<min(start + 50, datagrams.count)]
        // Backwards, and the first five twice.
        order += Array(part.reversed()) + Array(part.prefix(5))
      }
      var seen: Set<[UInt8]> = []
      for (index, datagram) in order.enumerated() {
        try await client.sendRaw(datagram)
        guard index % 55 < 50 else { continue }
        #expect(seen.insert(try await target.receive().octets).inserted)
      }
      #expect(seen.count == datagrams.count)
      // The last ones have been looked at when this has come.
      try await client.send([0xff], to: target.address)
      #expect(try await target.receive().octets == [0xff])
      await client.close()
      let record = try await gateway.log.next()
      #expect(record["dropped_repeated"] == "\(order.count - datagrams.count)")
    }
  }
}
