import NIOCore
import SOCKSCore
import SOCKSTestSupport

/// A client of the gateway, octet by octet, with the toy protection.
struct SOCKSPeer {
  let peer: Peer
  var script = ByteScript()

  static let offer: [UInt8] = [0x05, 0x01, 0x01]
  static let token: [UInt8] = [0x60, 0x01]

  struct Unexpected: Error {
    var octets: [UInt8]
  }

  init(_ address: SOCKSAddress, from source: IPAddress? = nil) async throws {
    self.peer = try await Peer.connect(to: address, from: source?.description)
  }

  /// Up to the agreed level.
  mutating func negotiate(level: UInt8 = 2) async throws {
    try await self.chooseMethod()
    try await self.authenticate()
    try await self.agree(level)
  }

  func chooseMethod(offer: [UInt8] = Self.offer) async throws {
    try await self.peer.send(offer)
    try await self.expect([0x05, 0x01])
  }

  func authenticate() async throws {
    try await self.peer.send(ByteScript.authentication(Self.token))
    try await self.expect([0x01, 0x01, 0x00, 0x02, 0x60, 0x02])
  }

  mutating func agree(_ level: UInt8) async throws {
    try await self.peer.send(self.script.level([level]))
    let answer = try await self.message(type: .protectionLevel)
    guard answer.plaintext == [level] else { throw Unexpected(octets: answer.plaintext) }
  }

  /// The octets that the gateway answers a level message with.
  func levelAnswer() async throws -> [UInt8] { try await self.message(type: .protectionLevel).plaintext }

  mutating func send(_ plaintext: [UInt8], sealed: Bool = true) async throws {
    try await self.peer.send(self.script.encapsulated(plaintext, sealed: sealed))
  }

  /// Asks for a target, and gives back the reply's octets.
  mutating func connect(_ target: SOCKSAddress, earlyData: [UInt8] = []) async throws -> [UInt8] {
    try await self.sendRequest(target, earlyData: earlyData)
    return try await self.receive()
  }

  /// Asks to listen for a host, and gives back where the gateway does.
  mutating func bind(_ host: SOCKSAddress, earlyData: [UInt8] = []) async throws -> SOCKSAddress {
    try await self.sendRequest(host, command: .bind, earlyData: earlyData)
    return try await self.receiveReply().bound
  }

  /// The next reply that says yes.
  func receiveReply() async throws -> SOCKSReply {
    let octets = try await self.receive()
    var buffer = ByteBuffer(bytes: octets)
    guard let reply = try SOCKSReply.decode(from: &buffer), buffer.readableBytes == 0, reply.code == .succeeded else {
      throw Unexpected(octets: octets)
    }
    return reply
  }

  mutating func sendRequest(
    _ target: SOCKSAddress, command: SOCKSCommand = .connect, earlyData: [UInt8] = []
  ) async throws {
    var buffer = ByteBuffer()
    SOCKSRequest(command: command, destination: target).encode(into: &buffer)
    var octets = self.script.encapsulated(Array(buffer.readableBytesView))
    if !earlyData.isEmpty { octets += self.script.encapsulated(earlyData) }
    try await self.peer.send(octets)
  }

  /// The plaintext of the next message.
  func receive() async throws -> [UInt8] { try await self.message(type: .encapsulation).plaintext }

  func receive(_ count: Int) async throws -> [UInt8] {
    var octets: [UInt8] = []
    while octets.count < count { octets += try await self.receive() }
    return octets
  }

  private func message(type: GSSMessageType) async throws -> FakeToken {
    let header = await self.peer.read(4)
    guard header.count == 4, header[0] == 0x01, header[1] == type.rawValue else { throw Unexpected(octets: header) }
    let octets = await self.peer.read(Int(header[2]) << 8 | Int(header[3]))
    guard let token = FakeToken(octets, key: self.script.key) else { throw Unexpected(octets: octets) }
    return token
  }

  private func expect(_ octets: [UInt8]) async throws {
    let read = await self.peer.read(octets.count)
    guard read == octets else { throw Unexpected(octets: read) }
  }
}

extension SOCKSAddress {
  init(name: String, port: UInt16) throws { self.init(host: SOCKSHost(nameField: name.utf8), port: port) }
}
