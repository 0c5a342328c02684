import SOCKSCore
import Testing

@testable import SOCKSServer

/// `methods`, `clients` and `passwords`: what may be written, and what is warned of.
@Suite struct AuthenticationConfigurationTests {
  static func text(
    _ listen: String, passwords: String? = "{file: /etc/garter/passwords}",
    principals: String = "'*@R', 'user:*', unauthenticated"
  ) -> String {
    """
    listen: [\(listen)]
    kerberos: {keytab: /k}
    \(passwords.map { "passwords: \($0)" } ?? "")
    rules: [{allow: [connect], principals: [\(principals)], to: ['*']}]

    """
  }

  static func messages(_ text: String) -> [String] {
    func shown(_ problems: [ConfigurationProblem]) -> [String] {
      problems.map { "\($0.line ?? 0):\($0.column ?? 0): \($0.message)" }
    }
    do {
      return shown(try read(text).warnings)
    } catch let error as ConfigurationError {
      return shown(error.problems)
    } catch {
      return ["\(error)"]
    }
  }

  @Test func everythingCanBeWritten() throws {
    let text = Self.text(
      """
      {address: 127.0.0.1:1080, methods: [password, none, gssapi], clients: [
        {from: [10.0.0.0/8, "2001:db8::/32"], methods: [gssapi], compatibility: [unprotected, nec]},
        {from: [192.0.2.1]}, {from: [0.0.0.0/0], compatibility: [nec]}]}
      """, passwords: "{file: /p, threads: 4, queue: 7, failures_per_minute: 5}")
    let configuration = try read(text).configuration
    let listener = try #require(configuration.listen.first)
    #expect(listener.methods == [.password, .none, .gssapi])
    #expect(listener.clients.map(\.methods) == [[.gssapi], nil, nil])
    #expect(listener.clients.map(\.compatibility) == [[.unprotected, .nec], [], [.nec]])
    var passwords = Configuration.Passwords(file: "/p")
    #expect((passwords.threads, passwords.queue, passwords.failuresPerMinute) == (2, 200, 10))
    passwords.threads = 4
    passwords.queue = 7
    passwords.failuresPerMinute = 5
    #expect(configuration.passwords == passwords)

    let services: [(IPAddress?, ClientService)] = [
      (.v4(0x0a00_0001), ClientService(methods: [.gssapi], compatibility: [.unprotected, .nec])),
      // The mapped form is the same client.
      (.v6(high: 0, low: 0xFFFF_0a00_0001), ClientService(methods: [.gssapi], compatibility: [.unprotected, .nec])),
      (
        .v6(high: 0x2001_0db8_0000_0000, low: 1),
        ClientService(methods: [.gssapi], compatibility: [.unprotected, .nec])
      ),
      (.v4(0xC000_0201), ClientService(methods: [.password, .none, .gssapi], compatibility: [])),
      (.v4(0xC000_0202), ClientService(methods: [.password, .none, .gssapi], compatibility: [.nec])),
      (.v6(high: 0, low: 1), ClientService(methods: [.password, .none, .gssapi], compatibility: [])),
      (nil, ClientService(methods: [.password, .none, .gssapi], compatibility: [])),
    ]
    for (client, service) in services { #expect(listener.service(for: client) == service) }
    #expect(
      "\(listener)" == "127.0.0.1:1080 password none gssapi; 10.0.0.0/8 2001:db8::/32: gssapi with unprotected nec; "
        + "192.0.2.1: password none gssapi; 0.0.0.0/0: password none gssapi with nec")
  }

  @Test(
    arguments: [
      (
        "{address: 127.0.0.1:1, methods: []}",
        "methods is an empty list; write at least one entry, for example [gssapi]"
      ),
      ("{address: 127.0.0.1:1, methods: [kerberos]}", "expected one of gssapi, password, none, not \"kerberos\""),
      ("{address: 127.0.0.1:1, methods: [gssapi, gssapi]}", "methods[1] appears twice"),
      ("{address: 127.0.0.1:1, methods: gssapi}", "methods: expected a list such as [gssapi]"),
      ("{address: 127.0.0.1:1, clients: [{methods: [gssapi]}]}", "the key listen[0].clients[0].from is missing"),
      ("{address: 127.0.0.1:1, clients: [{from: [x]}]}", "expected an address or a network"),
      ("{address: 127.0.0.1:1, clients: [{from: [10.0.0.1/8]}]}", "has bits set beyond its prefix"),
      (
        "{address: 127.0.0.1:1, clients: [{from: ['::1'], compatibility: [level0]}]}",
        "expected one of unprotected, nec, not \"level0\""
      ),
      ("{address: 127.0.0.1:1, compatibility: [nec]}", "unknown key \"compatibility\" in listen[0]"),
      ("{address: 127.0.0.1:1, clients: [{from: ['::1'], method: [none]}]}", "did you mean methods?"),
    ])
  func mistakesAreTold(listen: String, message: String) {
    let messages = Self.messages(Self.text(listen))
    #expect(messages.count == 1 && messages.first?.contains(message) == true, "\(messages)")
  }

  @Test func theNetworksOfClientsAreLimited() {
    func listen(_ count: Int) -> String {
      "{address: 127.0.0.1:1, clients: [\(Array(repeating: "{from: [192.0.2.1]}", count: count).joined(separator: ", "))]}"
    }
    let most = Configuration.Listener.maximumClients
    #expect(!Self.messages(Self.text(listen(most))).contains { $0.contains("entries") })
    let messages = Self.messages(Self.text(listen(most + 1)))
    #expect(messages.count == 1 && messages.first?.contains("at most \(most) are taken") == true, "\(messages)")
  }

  @Test(
    arguments: [
      ("{file: passwords}", "expected an absolute path"), ("{}", "the key passwords.file is missing"),
      ("{file: /p, threads: 0}", "from 1 to 16"), ("{file: /p, threads: 17}", "from 1 to 16"),
      ("{file: /p, queue: 0}", "from 1 to 10000"), ("{file: /p, queue: 10001}", "from 1 to 10000"),
      ("{file: /p, failures_per_minute: 0}", "from 1 to 1000"),
      ("{file: /p, failures_per_minute: x}", "from 1 to 1000"),
      ("{file: /p, thread: 1}", "did you mean threads?"), ("/p", "expected keys and values"),
    ])
  func mistakesAboutPasswordsAreTold(passwords: String, message: String) {
    let messages = Self.messages(
      Self.text("{address: 127.0.0.1:1, methods: [password]}", passwords: passwords, principals: "'user:*'"))
    #expect(messages.count == 1 && messages.first?.contains(message) == true, "\(messages)")
  }

  @Test(
    arguments: [
      "{address: 127.0.0.1:1, methods: [gssapi, password]}",
      "{address: 127.0.0.1:1, clients: [{from: [127.0.0.2], methods: [password]}]}",
    ])
  func passwordsNeedAFile(listen: String) {
    #expect(
      Self.messages(Self.text(listen, passwords: nil, principals: "'user:*'")) == [
        "1:10: 127.0.0.1:1 takes passwords: write where they are, for example passwords: {file: /etc/garter/passwords}"
      ])
  }

  @Test(
    arguments: [
      ("{address: 192.0.2.1:1, methods: [gssapi, none]}", ["without authentication (none)"]),
      ("{address: 0.0.0.0:1, methods: [password]}", ["unencrypted (RFC 1929)"]),
      (
        "{address: '[2001:db8::1]:1', methods: [none, password]}",
        ["without authentication (none)", "unencrypted (RFC 1929)"]
      ),
      ("{address: 192.0.2.1:1, clients: [{from: ['::/0'], methods: [none]}]}", ["without authentication (none)"]),
      (
        "{address: 192.0.2.1:1, clients: [{from: [0.0.0.0/0], compatibility: [unprotected, nec]}]}",
        ["has unprotected on for every network", "has nec on for every network"]
      ),
      ("{address: 192.0.2.1:1, clients: [{from: [10.0.0.0/8], methods: [none, password], compatibility: []}]}", nil),
      ("{address: 192.0.2.1:1, clients: [{from: [10.0.0.0/8], methods: [none, password]}]}", []),
      ("{address: 127.0.0.1:1, methods: [none, password, gssapi]}", []),
      ("{address: 127.0.0.1:1, clients: [{from: [0.0.0.0/0], compatibility: [unprotected]}]}", []),
      (
        "{address: 127.0.0.1:1, clients: [{from: [10.0.0.0/8], methods: [none], compatibility: [nec]}]}",
        ["may not use gssapi: it does nothing"]
      ),
    ] as [(String, [String]?)])
  func doubtsAreTold(listen: String, doubts: [String]?) {
    let messages = Self.messages(Self.text(listen))
    guard let doubts else {
      #expect(messages.count == 1 && messages[0].contains("empty list"))
      return
    }
    #expect(messages.count == doubts.count, "\(messages)")
    for (message, doubt) in zip(messages, doubts) { #expect(message.hasPrefix("1:10: ") && message.contains(doubt)) }
  }

  @Test func methodsThatNoRuleServesAreTold() {
    let listen = "{address: 127.0.0.1:1, methods: [none, password]}"
    #expect(Self.messages(Self.text(listen, principals: "'*@R'")).count == 2)
    #expect(Self.messages(Self.text(listen, principals: "'*@R', unauthenticated")).count == 1)
    #expect(Self.messages(Self.text(listen, principals: "'user:a', unauthenticated")).isEmpty)
  }
}
