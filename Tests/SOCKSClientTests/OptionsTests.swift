import ArgumentParser
import NIOCore
import SOCKSClient
import SOCKSCore
import SOCKSGSSAPI
import Testing

@testable import garter

struct OptionsTests {
  private func configuration(_ arguments: String...) throws -> ProxyConnector.Configuration {
    try GatewayOptions.parse(arguments).configuration()
  }

  @Test func defaultsAreTheSafeOnes() throws {
    let configuration = try self.configuration("--gateway", "gw.example.com")
    #expect(configuration.gateway.description == "gw.example.com:1080")
    #expect(configuration.target == .service("socks", host: "gw.example.com"))
    #expect(configuration.level == .confidentiality)
    #expect(configuration.acceptableLevels == nil)
    #expect(configuration.selective == .unlessEncrypted)
    #expect(configuration.credentialCache == nil)
    #expect(configuration.clientKeytab == nil)
    #expect(configuration.identity == nil)
    #expect(!configuration.trustsDNS)
    #expect(configuration.gatewayZone == nil)
    #expect(configuration.targetWords == "socks/gw.example.com")
  }

  @Test func everyOptionReachesTheConnector() throws {
    let configuration = try self.configuration(
      "--gateway", "[::1]:1081", "--service", "rcmd", "--level", "3", "--seal", "always", "--ccache", "FILE:/x",
      "--client-keytab", "/y", "--timeout", "7", "--as", "alice@EXAMPLE.COM", "--trust-dns")
    #expect(configuration.gateway.description == "[::1]:1081")
    #expect(configuration.identity == "alice@EXAMPLE.COM")
    #expect(configuration.trustsDNS)
    #expect(configuration.targetWords == "rcmd/::1, or of what DNS names (--trust-dns)")
    #expect(configuration.target == .service("rcmd", host: "::1"))
    #expect(configuration.level == .selective)
    #expect(configuration.selective == .always)
    #expect(configuration.credentialCache == "FILE:/x")
    #expect(configuration.clientKeytab == "/y")
    #expect(configuration.negotiationTimeout == .seconds(7))
    #expect(configuration.connectTimeout == .seconds(7))
  }

  @Test func aWholePrincipalReplacesTheService() throws {
    let configuration = try self.configuration("--gateway", "g", "--principal", "socks/gw.example.com@EXAMPLE.COM")
    #expect(configuration.target == .principal("socks/gw.example.com@EXAMPLE.COM"))
  }

  @Test(arguments: [
    ["connect", "--gateway", "g", "host"], ["connect", "host", "22"], ["connect", "--gateway", "g", "host", "0"],
    ["connect", "--gateway", "g", "host", "65536"], ["connect", "--gateway", "g", "ho st", "22"],
    ["connect", "--gateway", "g:0", "host", "22"], ["connect", "--gateway", "g", "--level", "0", "host", "22"],
    ["connect", "--gateway", "g", "--level", "none", "host", "22"],
    ["connect", "--gateway", "g", "--seal", "never", "host", "22"],
    ["connect", "--gateway", "g", "--service", "socks/g", "host", "22"],
    ["connect", "--gateway", "g", "--timeout", "0", "host", "22"], ["bridge"],
    ["bridge", "--gateway", "g", "--listen", "[::1"], ["udp", "--gateway", "g", "host"],
    ["udp", "--gateway", "g", "host", "0"], ["udp", "--gateway", "g", "--listen", "[::1", "host", "53"],
    ["udp", "--gateway", "g", "--idle", "0", "host", "53"],
    ["udp", "--gateway", "g", "--maximum-senders", "0", "host", "53"], ["udp", "host", "53"],
    ["bridge", "--gateway", "g", "--maximum-connections", "0"],
    ["bridge", "--gateway", "g", "--principal", "socks/g", "--trust-dns"],
    ["bridge", "--gateway", "g", "--principal", "socks/"], ["bridge", "--gateway", "g", "--as", "a@b@c"],
    ["connect", "--gateway", "g%eth0", "host", "22"], ["connect", "--gateway", "g", "fe80::1%eth0", "22"],
  ])
  func wrongUsageIsRefused(arguments: [String]) {
    #expect {
      _ = try Garter.parseAsRoot(arguments)
    } throws: { error in
      Garter.exitCode(for: error).rawValue == ProgramStatus.usage.rawValue
    }
  }

  @Test(arguments: [
    ["connect", "--gateway", "g", "host", "22"], ["connect", "-g", "g", "-v", "2001:db8::1", "22"],
    ["udp", "-g", "g", "host", "53"], ["udp", "-g", "g", "-l", "127.0.0.1:0", "--idle", "1", "[::1]", "53"],
    ["udp", "-g", "g", "--wait", "0", "-v", "192.0.2.1", "53"],
    ["connect", "-g", "g", "-q", "[2001:db8::1]", "22"], ["bridge", "-g", "g", "-l", "[::1]:0", "--drain", "0"],
  ])
  func rightUsageIsTaken(arguments: [String]) throws {
    _ = try Garter.parseAsRoot(arguments)
  }
}
