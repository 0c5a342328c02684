import SOCKSCore
import Testing

@testable import SOCKSServer

@Suite struct UDPConfigurationTests {
  private static func read(_ udp: String) throws -> Configuration {
    let text = """
      listen: [{address: "127.0.0.1:1080"}]
      kerberos: {keytab: /etc/garter/garterd.keytab}
      \(udp)
      rules: [{allow: [connect, associate], principals: ["*@EXAMPLE.COM"], to: ["*"]}]
      """
    return try Configuration.parse(octets: Array(text.utf8), sourceName: "test").configuration
  }

  @Test func theDefaults() throws {
    let configuration = try Self.read("")
    let udp = configuration.udp
    #expect(udp == Configuration.UDP())
    #expect(udp.ports == nil && udp.advertiseAddress == nil && udp.replies == .asked && udp.fragments == .drop)
    #expect(udp.idle == .seconds(1_800) && udp.nameLifetime == .seconds(60))
    #expect(udp.targets == 256 && udp.waiting == 64)
    #expect(configuration.rules[0].commands == [.connect, .associate])
  }

  @Test func everyKey() throws {
    let udp = try Self.read(
      """
      udp:
        ports: 40000-40999
        advertise_address: "2001:db8::7"
        replies: any
        fragments: reassemble
        idle: 2m
        name_lifetime: 30s
        targets: 10
        waiting: 20
      """
    ).udp
    #expect(udp.ports == PortRange(40_000...40_999))
    #expect(udp.advertiseAddress == .v6(high: 0x2001_0db8_0000_0000, low: 7))
    #expect(udp.replies == .any && udp.fragments == .reassemble)
    #expect(udp.idle == .seconds(120) && udp.nameLifetime == .seconds(30))
    #expect(udp.targets == 10 && udp.waiting == 20)
  }

  @Test(
    arguments: [
      ("idle", ["1ms", "30d"], ["0s", "31d", "5"]), ("name_lifetime", ["1s", "1h"], ["999ms", "61m"]),
      ("targets", ["1", "4096"], ["0", "4097", "-1", "x"]), ("waiting", ["1", "1024"], ["0", "1025"]),
      ("ports", ["1", "65535", "1-65535"], ["0", "65536", "2-1", "a-b"]),
      ("replies", ["asked", "any"], ["all"]), ("fragments", ["drop", "reassemble"], ["keep"]),
      (
        "advertise_address", ["203.0.113.7", "127.0.0.1", "\"::1\""],
        ["0.0.0.0", "\"::\"", "224.0.0.1", "255.255.255.255", "gate.example.com", "203.0.113.7:40000"]
      ),
    ])
  func theBounds(key: String, good: [String], bad: [String]) throws {
    for value in good { _ = try Self.read("udp: {\(key): \(value)}") }
    for value in bad {
      let error = #expect(throws: ConfigurationError.self, "\(key): \(value)") {
        try Self.read("udp: {\(key): \(value)}")
      }
      #expect(error?.problems.count == 1 && error?.problems.first?.line == 3)
      #expect(error?.description.contains("udp.\(key)") == true)
    }
  }

  @Test func unknownKeysAreRefused() throws {
    let error = #expect(throws: ConfigurationError.self) { try Self.read("udp: {advertize_address: 203.0.113.7}") }
    #expect(error?.description.contains("did you mean advertise_address?") == true)
    #expect(throws: ConfigurationError.self) { try Self.read("udp:") }
  }
}
