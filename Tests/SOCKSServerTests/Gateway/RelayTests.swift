import Glibc
import Logging
import NIOCore
import NIOPosix
import SOCKSCore
import SOCKSNIO
import SOCKSTestSupport
import Testing

@testable import SOCKSServer

/// Sessions that relay, over real sockets.
@Suite(.timeLimit(.minutes(1))) struct RelayTests {
  typealias Setting = GatewayUnderTest.Setting

  /// Lends a gateway with one relaying session.
  static func relaying(
    _ setting: Setting = Setting(), level: UInt8 = 2,
    _ body: (GatewayUnderTest, inout SOCKSPeer, Peer) async throws -> Void
  ) async throws {
    let origin = try await Origin()
    try await GatewayUnderTest.with(setting) { gateway in
      var (client, target) = try await gateway.relay(to: origin, level: level)
      try await body(gateway, &client, target)
    }
    try await origin.close()
  }

  @Test(arguments: [1, 2, 3] as [UInt8])
  func octetsCrossBothWaysAndTheRecordHasEveryField(level: UInt8) async throws {
    try await Self.relaying(level: level) { gateway, client, target in
      let up = (0..<300_000).map { UInt8($0 % 251) }
      let down = (0..<200_000).map { UInt8($0 % 241) }
      for start in stride(from: 0, to: up.count, by: 30_000) {
        try await client.send(Array(up[start..<start + 30_000]), sealed: level != 1)
      }
      #expect(await target.read(up.count) == up)
      try await target.send(down)
      #expect(try await client.receive(down.count) == down)
      try await client.peer.finish()
      #expect(await target.end() == .ended)
      try await target.finish()
      #expect(await client.peer.end() == .ended)
      let record = try await gateway.log.next()
      #expect(record.level == .info && record["reason"] == "completed" && record["fault"] == nil)
      #expect(record["bytes_up"] == "300000" && record["bytes_down"] == "200000")
      #expect(record["principal"] == "alice@GARTER.TEST" && record["service"] == "socks/gate.test@GARTER.TEST")
      #expect(record["mechanism"] == "krb5" && record["enctype"] == "aes256-cts-hmac-sha1-96")
      #expect(record["level"] == ["integrity", "confidentiality", "selective"][Int(level) - 1])
      #expect(record["session"] != nil && record["client"]?.hasPrefix("127.0.0.1:") == true)
      #expect(record["target"] == record["peer"] && record["rule"] == "rule 1 (loopback)")
      #expect(record["duration_ms"].flatMap { Int($0) } != nil && record["phase"] == nil)
      #expect(gateway.log.ended.count == 1)
    }
  }

  /// With our side ended before, the client's connection is over as soon as its own end has come. What it sent last may
  /// still wait for the target, and belongs in the record.
  @Test func theRecordWaitsForWhatIsOnItsWay() async throws {
    // More than the sockets on the way to a target that does not read take in.
    let count = 8_000_000
    var setting = Setting()
    setting.methods = [.none]
    setting.rules = [.allow([.connect], identities: [.unauthenticated], targets: [.network(.loopback)])]
    let origin = try await Origin(reads: false)
    try await GatewayUnderTest.with(setting) { gateway in
      let client = try await gateway.client().peer
      try await client.send([0x05, 0x01, 0x00])
      #expect(await client.read(2) == [0x05, 0x00])
      try await client.send([0x05, 0x01, 0x00, 0x01, 127, 0, 0, 1, UInt8(origin.address.port >> 8)])
      try await client.send([UInt8(origin.address.port & 0xff)])
      #expect(await client.read(10).starts(with: [0x05, 0x00]))
      let target = try await origin.accepted()
      try await target.finish()
      #expect(await client.end() == .ended)
      try await client.send([UInt8](repeating: 0x55, count: count))
      try await client.finish()
      // The end arrives while everything waits, and there is no record of it.
      try await Task.sleep(for: .milliseconds(300))
      #expect(gateway.log.ended.isEmpty)
      try await target.channel.setOption(.autoRead, value: true).get()
      #expect(await target.read(count).count == count)
      #expect(await target.end() == .ended)
      let record = try await gateway.log.next()
      #expect(record["reason"] == "completed" && record["bytes_up"] == "\(count)", "\(record)")
    }
    try await origin.close()
  }

  @Test func earlyDataFollowsTheDial() async throws {
    let origin = try await Origin()
    try await GatewayUnderTest.with { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      try await client.sendRequest(origin.address, earlyData: [0x01, 0x02, 0x03])
      try await client.send([0x04])
      // Nothing more comes from the client, and the end of its stream is carried across behind the data.
      try await client.peer.finish()
      let target = try await origin.accepted()
      #expect(await target.read(4) == [0x01, 0x02, 0x03, 0x04])
      #expect(await target.end() == .ended)
      #expect(try await client.receive()[1] == 0x00)
      try await target.send([0x05])
      try await target.finish()
      #expect(try await client.receive() == [0x05])
      #expect(await client.peer.end() == .ended)
      let record = try await gateway.log.next()
      #expect(record["reason"] == "completed" && record["bytes_up"] == "4" && record["bytes_down"] == "1")
    }
    try await origin.close()
  }

  @Test func theTargetMayEndFirst() async throws {
    try await Self.relaying { gateway, client, target in
      try await target.send([0x01])
      try await target.finish()
      #expect(try await client.receive() == [0x01])
      #expect(await client.peer.end() == .ended)
      try await client.send([0x02])
      #expect(await target.read(1) == [0x02])
      try await client.peer.finish()
      #expect(await target.end() == .ended)
      #expect(try await gateway.log.next()["reason"] == "completed")
    }
  }

  /// The far side must see a reset: an end would look like the end of what the client wanted to say.
  @Test(arguments: ["bit flip", "repeated", "skipped", "signed", "clear", "inside a token"])
  func aBadMessageResetsTheTarget(fault: String) async throws {
    try await Self.relaying { gateway, client, target in
      try await client.send([0x01])
      #expect(await target.read(1) == [0x01])
      var bad = client.script.encapsulated([0x02])
      switch fault {
      case "bit flip": bad[24] ^= 0x10
      case "repeated":
        client.script.nextNumber -= 2
        bad = client.script.encapsulated([0x02])
      case "skipped":
        client.script.nextNumber += 1
        bad = client.script.encapsulated([0x02])
      case "signed":
        client.script.nextNumber -= 1
        bad = client.script.encapsulated([0x02], sealed: false)
      case "clear": bad = ByteScript.connect()
      default: bad.removeLast()
      }
      try await client.peer.send(bad + (fault == "inside a token" ? [] : client.script.encapsulated([0x03])))
      if fault == "inside a token" { try await client.peer.finish() }
      #expect(await target.end() == .failed(ECONNRESET))
      #expect(target.unread.isEmpty)
      let record = try await gateway.log.next()
      let reasons = [
        "bit flip": "protection-failed", "repeated": "replay-detected", "skipped": "out-of-sequence",
        "signed": "not-encrypted", "clear": "unprotected-request",
        "inside a token": "truncated",
      ]
      #expect(record["reason"] == reasons[fault] && record.level == .notice, "\(record)")
      #expect(record["bytes_up"] == "1")
      #expect((record["hint"] != nil) == (fault == "clear"))
    }
  }

  @Test func aResetOfTheTargetResetsTheClient() async throws {
    try await Self.relaying { gateway, client, target in
      try await target.send([0x01])
      #expect(try await client.receive() == [0x01])
      await target.reset()
      #expect(await client.peer.end() == .failed(ECONNRESET))
      let record = try await gateway.log.next()
      #expect(record["reason"] == "connection-closed" && record["fault"] == "target" && record.level == .info)
    }
  }

  @Test func aResetOfTheClientResetsTheTarget() async throws {
    try await Self.relaying { gateway, client, target in
      await client.peer.reset()
      #expect(await target.end() == .failed(ECONNRESET))
      let record = try await gateway.log.next()
      #expect(record["reason"] == "connection-closed")
    }
  }

  @Test func anIdleSessionEnds() async throws {
    var setting = Setting()
    setting.timeouts.idle = .milliseconds(100)
    try await Self.relaying(setting) { gateway, client, target in
      #expect(await target.end() == .failed(ECONNRESET))
      #expect(await client.peer.end() == .failed(ECONNRESET))
      let record = try await gateway.log.next()
      #expect(record["reason"] == "idle-timeout")
    }
  }

  // MARK: Names in the log

  @Test func hostileNamesStayOnTheirLineAndInTheirField() async throws {
    var setting = Setting()
    let hostile = "al\r\nice\u{1b}[2J\u{2028}\u{202e}\u{85} level=integrity\\@x/y@GARTER.TEST"
    setting.attributes.initiatorName = hostile
    setting.attributes.acceptorName = "socks/g\u{2029}ate reason=completed@GARTER.TEST"
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      // A name that the address field may carry, in the octets that it may not, is refused unread.
      _ = try await client.connect(try SOCKSAddress(name: "\u{e9}\\.example", port: 9))
      await client.peer.close()
      let record = try await gateway.log.next()
      // As they are: what writes the log quotes them.
      let start = "al\r\nice\u{1b}[2J\u{2028}\u{202e}\u{85} level="
      #expect(record["principal"]?.unicodeScalars.starts(with: start.unicodeScalars) == true, "\(record)")
      #expect(record["level"] == "confidentiality")
    }
  }
}
