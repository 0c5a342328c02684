import SOCKSCore
import Testing

@testable import SOCKSServer

@Suite struct OwnSocketsTests {
  private static func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

  private static func reached(_ text: String, port: UInt16, in sockets: OwnSockets) throws -> Bool {
    !sockets.endpoints(reachedBy: try Self.address(text), port: port).isEmpty
  }

  @Test func oneAddressIsOneAddressInEveryForm() throws {
    let sockets = OwnSockets([SOCKSAddress(try Self.address("10.0.0.5"), port: 1080)])
    for form in ["10.0.0.5", "::ffff:10.0.0.5", "64:ff9b::a00:5", "2002:a00:5::", "::a00:5"] {
      #expect(try Self.reached(form, port: 1080, in: sockets), "\(form)")
      #expect(try !Self.reached(form, port: 1081, in: sockets), "\(form)")
    }
    for other in ["10.0.0.6", "127.0.0.1", "0.0.0.0"] { #expect(try !Self.reached(other, port: 1080, in: sockets)) }
  }

  /// What the machine has is asked at that time: no list that was made at the start could hold all of these.
  @Test func allAddressesAreAllThatAreOurs() throws {
    let sockets = OwnSockets([SOCKSAddress(try Self.address("0.0.0.0"), port: 1080)])
    for own in ["127.0.0.1", "127.0.0.2", "127.200.0.9", "0.0.0.0", "::ffff:127.0.0.2", "64:ff9b::7f00:2"] {
      #expect(try Self.reached(own, port: 1080, in: sockets), "\(own)")
      #expect(try !Self.reached(own, port: 1081, in: sockets), "\(own)")
    }
    for other in ["192.0.2.1", "64:ff9b::c000:201", "::1"] {
      #expect(try !Self.reached(other, port: 1080, in: sockets), "\(other)")
    }
  }

  /// The IPv6 wildcard is one of IPv6 addresses only.
  @Test func allIPv6AddressesAreAllIPv6AddressesThatAreOurs() throws {
    let sockets = OwnSockets([SOCKSAddress(try Self.address("::"), port: 1080)])
    for own in ["::1", "::"] { #expect(try Self.reached(own, port: 1080, in: sockets), "\(own)") }
    for other in ["127.0.0.1", "0.0.0.0", "::ffff:127.0.0.2", "2001:db8::1"] {
      #expect(try !Self.reached(other, port: 1080, in: sockets), "\(other)")
    }
  }

  @Test func theUnspecifiedAddressLeadsToTheLoopback() throws {
    let sockets = OwnSockets([SOCKSAddress(.v4(0x7f00_0001), port: 1080)])
    #expect(try Self.reached("0.0.0.0", port: 1080, in: sockets))
    #expect(try Self.reached("::", port: 1080, in: sockets))
    #expect(try !Self.reached("127.0.0.2", port: 1080, in: sockets))
  }

  @Test func socketsComeAndGo() throws {
    let sockets = OwnSockets()
    let socket = SOCKSAddress(.v4(0x0a00_0005), port: 40_000)
    sockets.insert(socket)
    sockets.insert(socket)
    sockets.insert(SOCKSAddress(.v4(0x0a00_0006), port: 40_000))
    sockets.remove(socket)
    #expect(try Self.reached("10.0.0.5", port: 40_000, in: sockets))
    sockets.remove(socket)
    #expect(try !Self.reached("10.0.0.5", port: 40_000, in: sockets))
    #expect(try Self.reached("10.0.0.6", port: 40_000, in: sockets))
  }
}
