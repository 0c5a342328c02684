import NIOCore
import SOCKSCore
import SOCKSTestSupport

@testable import SOCKSServer

/// A client of the gateway with a UDP association, octet by octet, with the toy protection.
struct AssociatedPeer {
  var control: SOCKSPeer
  let socket: DatagramPeer
  /// Where the gateway wants datagrams.
  let relay: SOCKSAddress
  let level: UInt8

  /// - Parameters:
  ///   - requested: what the request says; the port of the socket where nil.
  init(
    _ gateway: GatewayUnderTest, level: UInt8 = 2, requested: SOCKSAddress? = .unspecified,
    from host: String = "127.0.0.1"
  ) async throws {
    self.socket = try await DatagramPeer(host)
    self.control = try await gateway.client()
    self.level = level
    try await self.control.negotiate(level: level)
    let reply = try await self.control.associate(requested ?? self.socket.address)
    var octets = ByteBuffer(bytes: reply)
    guard let decoded = try SOCKSReply.decode(from: &octets), decoded.code == .succeeded else {
      throw SOCKSPeer.Unexpected(octets: reply)
    }
    self.relay = decoded.bound
  }

  static func plaintext(_ data: [UInt8], to target: SOCKSAddress, fragment: UInt8 = 0) -> [UInt8] {
    var buffer = ByteBuffer()
    UDPRequestHeader(fragment: fragment, destination: target).encode(into: &buffer)
    return Array(buffer.readableBytesView) + data
  }

  /// A datagram that has not been sent.
  mutating func datagram(_ data: [UInt8], to target: SOCKSAddress, fragment: UInt8 = 0) -> [UInt8] {
    self.control.script.encapsulated(Self.plaintext(data, to: target, fragment: fragment), sealed: self.level != 1)
  }

  mutating func send(_ data: [UInt8], to target: SOCKSAddress, fragment: UInt8 = 0) async throws {
    try await self.sendRaw(self.datagram(data, to: target, fragment: fragment))
  }

  func sendRaw(_ octets: [UInt8]) async throws { try await self.socket.send(octets, to: self.relay) }

  /// The next datagram's token, header and data.
  func receive() async throws -> (token: FakeToken, source: SOCKSAddress, data: [UInt8]) {
    let received = try await self.socket.receive()
    guard received.source == self.relay, let tokens = ByteScript.tokens(in: received.octets), tokens.count == 1,
      let token = tokens.first
    else { throw SOCKSPeer.Unexpected(octets: received.octets) }
    var plaintext = ByteBuffer(bytes: token.plaintext)
    let header = try UDPRequestHeader.decode(from: &plaintext)
    return (token, header.destination, Array(plaintext.readableBytesView))
  }

  func close() async {
    await self.control.peer.close()
    await self.socket.close()
  }
}

extension SOCKSPeer {
  /// Asks for an association, and gives back the reply's octets.
  mutating func associate(_ address: SOCKSAddress = .unspecified) async throws -> [UInt8] {
    var buffer = ByteBuffer()
    SOCKSRequest(command: .udpAssociate, destination: address).encode(into: &buffer)
    try await self.peer.send(self.script.encapsulated(Array(buffer.readableBytesView)))
    return try await self.receive()
  }
}

extension GatewayUnderTest.Setting {
  /// Everybody of the realm may send datagrams to the loopback.
  static func associating(_ change: (inout Self) -> Void = { _ in }) -> Self {
    var setting = Self()
    setting.rules = [
      .allow(
        [.connect, .associate], identities: [.everybody],
        targets: [.network(.loopback), .network(.loopbackV6)], name: "loopback")
    ]
    change(&setting)
    return setting
  }
}
