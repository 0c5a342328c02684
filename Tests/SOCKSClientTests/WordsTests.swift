import NIOCore
import SOCKSCore
import SOCKSGSSAPI
import ProxySession
import Testing

@testable import SOCKSClient

struct WordsTests {
  private static let gateway = SOCKSAddress(.v4(0xC000_0201), port: 1080)

  @Test(arguments: [
    (SOCKSError(.noCredentials, "x"), "no Kerberos ticket: run kinit", ProgramStatus.noPermission),
    (SOCKSError(.credentialsExpired), "has expired: run kinit", .noPermission),
    (SOCKSError(.unknownService), "socks/192.0.2.1: check the gateway's name, or try --service rcmd", .noPermission),
    (SOCKSError(.kdcUnreachable), "no Kerberos server (KDC) answers", .temporary),
    (SOCKSError(.clockSkew), "clock", .noPermission),
    (SOCKSError(.ticketForOtherService, "why"), "no ticket was sent: why", .noPermission),
    (SOCKSError(.ticketCacheUnreadable, "'KCM:': why"), "ticket cache cannot be read: 'KCM:': why", .noPermission),
    (SOCKSError(.configurationUnreadable, "/x: why"), "Kerberos configuration cannot be read: /x: why", .noPermission),
    (
      SOCKSError(.tokenTooLong, "70000 bytes"),
      "70000 bytes; the likely cause: the user is a member of too many groups", .noPermission
    ),
    (SOCKSError(.contextFailed, "why"), "socks/192.0.2.1 failed: why", .noPermission),
    (SOCKSError(.abortReceived, "why"), "192.0.2.1:1080 refused the authentication", .noPermission),
    (SOCKSError(.noAcceptableMethod), "does not take Kerberos", .protocolError),
    (SOCKSError(.contextTooWeak, "why"), "cannot be used safely: why", .protocolError),
    (SOCKSError(.levelNotAcceptable, "why"), "protection level: why", .protocolError),
    (SOCKSError(.requestRefused, reply: .connectionRefused), "192.0.2.2:80: the target refused", .unavailable),
    (SOCKSError(.requestRefused, reply: .notAllowedByRuleset), "rules do not allow", .noPermission),
    (SOCKSError(.requestRefused, reply: .hostUnreachable), "no such host", .unavailable),
    (SOCKSError(.requestRefused, reply: .networkUnreachable), "network", .unavailable),
    (SOCKSError(.requestRefused, reply: SOCKSReplyCode(rawValue: 0x4d)), "77", .unavailable),
    (SOCKSError(.timedOut, "timed out waiting for the reply"), "timed out waiting for the reply", .temporary),
    (SOCKSError(.connectionClosed), "ended the connection", .inputOutput),
    (SOCKSError(.replayDetected, "why"), "violates RFC 1961: why", .protocolError),
    (SOCKSError(.queueFull), "too many", .temporary),
    (SOCKSError(.socketFailed), "this machine", .unavailable), (SOCKSError(.noDescriptors), "this machine", .temporary),
    (SOCKSError(.internalError), "internal error", .software),
  ])
  func eachReasonHasItsWordsAndItsStatus(error: SOCKSError, words: String, status: ProgramStatus) {
    let shown = ProxyConnectorError(negotiating: error, .init(gateway: Self.gateway), request: anyRequest)
    #expect("\(shown)".contains(words), "\(shown)")
    #expect(shown.programStatus == status)
  }

  @Test func namesAndTextsAreEscaped() throws {
    let host = SOCKSHost.name(try HostName("gate.test"))
    let configuration = ProxyConnector.Configuration(
      gateway: SOCKSAddress(host: host, port: 1), target: .principal("socks\u{1b}[31m@A\n"))
    for code in [SOCKSError.Code.unknownService, .abortReceived, .contextFailed] {
      let error = ProxyConnectorError(
        negotiating: SOCKSError(code, "first\nsecond\u{1b}[2J"), configuration, request: anyRequest)
      let isPlain = "\(error)".unicodeScalars.allSatisfy {
        $0.properties.generalCategory != .control && $0.properties.generalCategory != .format
      }
      #expect(isPlain, "\(error)")
    }
  }

  /// A user's principal where the gateway's is due: the options are easily mistaken for one another.
  @Test(arguments: [("alice@A", true), ("alice", true), ("socks/gw.test@A", false), ("gw$@A", false)])
  func aUsersPrincipalForTheGatewayIsNoted(principal: String, isNoted: Bool) {
    let configuration = ProxyConnector.Configuration(gateway: Self.gateway, target: .principal(principal))
    for code in [SOCKSError.Code.unknownService, .abortReceived, .contextFailed] {
      let error = ProxyConnectorError(negotiating: SOCKSError(code, "why"), configuration, request: anyRequest)
      #expect("\(error)".contains("--as takes yours") == isNoted, "\(error)")
    }
  }

  /// Texts are the system's, without the names of functions.
  @Test func errorsOfTheSystemAreInItsWords() {
    let reset = IOError(errnoCode: 104, reason: "read(descriptor:pointer:size:)")
    #expect(words(for: reset) == "Connection reset by peer")
    let error = ProxyConnectorError(connecting: reset, .init(gateway: Self.gateway))
    #expect("\(error)" == "cannot reach gateway 192.0.2.1:1080: Connection reset by peer")
  }

  @Test func statusesAreThoseOfTheSystem() {
    #expect(ProgramStatus.allCases.map(\.rawValue) == [0, 64, 68, 69, 70, 74, 75, 76, 77])
  }
}

struct GatewayAddressTests {
  @Test(arguments: [
    ("gw.example.com:1081", "gw.example.com", UInt16(1081)), ("gw.example.com", "gw.example.com", 1080),
    ("192.0.2.1:1", "192.0.2.1", 1), ("[::1]:1082", "::1", 1082), ("[::1]", "::1", 1080), ("::1", "::1", 1080),
    ("2001:db8::1", "2001:db8::1", 1080), ("h:0", "h", 0), ("h:65535", "h", 65535),
  ])
  func reads(text: String, host: String, port: UInt16) throws {
    let address = try SOCKSAddress(parsing: text, defaultPort: 1080)
    #expect(address.host.description == host)
    #expect(address.port == port)
  }

  @Test(arguments: [
    ("[fe80::1%eth0]:1081", "fe80::1", "eth0", UInt16(1081)), ("[fe80::1%2]", "fe80::1", "2", 1080),
    ("fe80::1%eth0", "fe80::1", "eth0", 1080),
  ])
  func readsZones(text: String, host: String, zone: String, port: UInt16) throws {
    let gateway = try GatewayAddress(parsing: text, defaultPort: 1080)
    #expect(gateway.address.host.description == host)
    #expect(gateway.zone == zone)
    #expect(gateway.address.port == port)
  }

  @Test(arguments: [
    "[fe80::1%]:1", "gw.test%eth0", "127.0.0.1%lo", "[fe80::1%a/b]:1", "[fe80::1%a b]:1", "[fe80::1%a%b]:1", "%eth0",
    "[fe80::1%0123456789abcdef]:1", "[fe80::1%eth0", "[fe80::1%eth0]x",
    "[fe80::1]:1", "febf::1",
  ])
  func refusesOtherZones(text: String) {
    #expect(throws: SOCKSError(.valueOutOfRange)) { try GatewayAddress(parsing: text, defaultPort: 1080) }
  }

  @Test(arguments: [
    "", ":", ":1080", "h:", "h:x", "h:65536", "h:-1", "h:+1", "h: 1", "h:1080 ", "[::1", "[::1]1080", "[::1]:", "[h]:1",
    "a:b:1", "::1:x", "h h:1", "[]:1", "h:000001",
  ])
  func refuses(text: String) {
    #expect(throws: SOCKSError(.valueOutOfRange)) { try SOCKSAddress(parsing: text, defaultPort: 1080) }
  }
}
