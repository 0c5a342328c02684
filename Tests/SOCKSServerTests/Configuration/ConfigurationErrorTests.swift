import Testing

@testable import SOCKSServer

/// The whole text of what is printed.
private func refusal(_ text: String) -> String {
  do {
    _ = try read(text)
    return "accepted"
  } catch {
    return "\(error)"
  }
}

/// The messages without their excerpts, for one change of a good configuration.
private func messages(listen: String? = nil, kerberos: String? = nil, rule: String? = nil, more: String = "")
  -> [String]
{
  let text = """
    listen: [\(listen ?? "{address: 127.0.0.1:1080}")]
    kerberos: {\(kerberos ?? "keytab: /k")}
    rules: [{\(rule ?? "allow: [connect], principals: ['*@R'], to: ['*']")}]
    \(more)
    """
  do {
    _ = try read(text)
    return []
  } catch let error as ConfigurationError {
    return error.problems.map { "\($0.line ?? 0):\($0.column ?? 0): \($0.message)" }
  } catch {
    return ["\(error)"]
  }
}

/// What may be allowed and denied.
private let commands = AccessCommand.allCases.map(\.rawValue).joined(separator: ", ")

@Suite struct ConfigurationErrorTests {
  @Test func allErrorsComeAtOnceEachWithItsPlace() {
    let text = """
      lisen:
        - address: 127.0.0.1:1080
      kerberos:
        keytab: garterd.keytab
        levels: []
        expired: clos
      timeouts:
        idle: 0s
        metod: 10s
      rules:
        - allow: [conect]
          principals: [alice]
          to: ["10.0.0.1/8"]
          ports: [70000]
        - deny: [connect]
          color: red
      """
    #expect(
      refusal(text) == """
        garterd.yaml:1:1: the key listen is missing; write for example listen: [{address: "127.0.0.1:1080"}]
          lisen:
          ^
        garterd.yaml:1:1: unknown key "lisen"; did you mean listen?
          lisen:
          ^
        garterd.yaml:4:11: kerberos.keytab: expected an absolute path, which begins with /, not "garterd.keytab"
            keytab: garterd.keytab
                    ^
        garterd.yaml:5:11: kerberos.levels is an empty list; write at least one entry, for example [confidentiality, integrity]
            levels: []
                    ^
        garterd.yaml:6:12: kerberos.expired: expected one of close, log, not "clos"; did you mean close?
            expired: clos
                     ^
        garterd.yaml:8:9: timeouts.idle: expected 1ms to 30d, not "0s"
            idle: 0s
                  ^
        garterd.yaml:9:3: unknown key "metod" in timeouts; did you mean method?
            metod: 10s
            ^
        garterd.yaml:11:13: rules[0].allow[0]: expected one of \(commands), not "conect"; did you mean connect?
            - allow: [conect]
                      ^
        garterd.yaml:12:18: rules[0].principals[0]: expected a principal such as alice@EXAMPLE.COM or */admin@EXAMPLE.COM, user:NAME, anonymous or unauthenticated, not "alice"
              principals: [alice]
                           ^
        garterd.yaml:13:10: rules[0].to[0]: 10.0.0.1/8 has bits set beyond its prefix; write 10.0.0.0/8 for the network, or 10.0.0.1 alone
              to: ["10.0.0.1/8"]
                   ^
        garterd.yaml:14:13: rules[0].ports[0]: expected a port from 1 to 65535, or a range such as 8000-8100, not "70000"
              ports: [70000]
                      ^
        garterd.yaml:16:5: unknown key "color" in rules[1]; known here: allow, deny, principals, to, ports, from, bandwidth, session, name
              color: red
              ^
        """)
  }

  @Test(arguments: [
    (
      "",
      [
        "1:1: the key listen is missing; write for example listen: [{address: \"127.0.0.1:1080\"}]",
        "1:1: the key kerberos is missing; write for example kerberos: {keytab: /etc/garter/garterd.keytab}",
        "1:1: the key rules is missing; write for example rules: [{allow: [connect], principals: [\"*@EXAMPLE.COM\"], to: [\"*\"]}]",
      ]
    ),
    ("hello", ["1:1: the configuration: expected keys and values such as listen, kerberos and rules"]),
    ("- a", ["1:1: the configuration: expected keys and values such as listen, kerberos and rules"]),
    ("a: [", ["2:1: did not find expected node content while parsing a flow node that begins on line 2"]),
    (
      "listen:\n  - address: [::1]:1080\n",
      [
        "2:15: did not find expected node content while parsing a flow node that begins on line 2; an address in brackets needs quotes, as in \"[::1]:1080\""
      ]
    ),
    ("listen: &x []", ["1:9: anchors (&name) are not read; text that begins with & needs quotes"]),
  ])
  func wrongTextsAsAWhole(text: String, expected: [String]) {
    do {
      _ = try read(text + (text.hasSuffix("\n") ? "" : "\n"))
      Issue.record("accepted")
    } catch let error as ConfigurationError {
      #expect(error.problems.map { "\($0.line ?? 0):\($0.column ?? 0): \($0.message)" } == expected)
    } catch {
      Issue.record(error)
    }
  }

  @Test(arguments: [
    ("127.0.0.1:1080", "1:10: listen[0]: expected keys and values such as address: 127.0.0.1:1080"),
    ("{}", "1:10: the key listen[0].address is missing; write for example address: 127.0.0.1:1080"),
    (
      "{address: }",
      "1:20: listen[0].address has no value; write an address and a port such as 127.0.0.1:1080, or leave the key out"
    ),
    ("{address: [1]}", "1:20: listen[0].address: expected an address and a port such as 127.0.0.1:1080, not a list"),
    (
      "{address: {a: 1}}",
      "1:20: listen[0].address: expected an address and a port such as 127.0.0.1:1080, not a mapping"
    ),
    (
      "{address: '127.0.0.1'}",
      "1:20: listen[0].address: expected an address and a port such as 127.0.0.1:1080 or [::1]:1080, not \"127.0.0.1\""
    ),
    (
      "{address: '::1:1080'}",
      "1:20: listen[0].address: expected an address and a port such as 127.0.0.1:1080 or [::1]:1080; an IPv6 address is written in brackets"
    ),
    (
      "{address: ':1080'}",
      "1:20: listen[0].address: expected an address and a port such as 127.0.0.1:1080 or [::1]:1080; to listen everywhere write 0.0.0.0 or [::]"
    ),
    (
      "{address: '*:1080'}",
      "1:20: listen[0].address: expected an address and a port such as 127.0.0.1:1080 or [::1]:1080; to listen everywhere write 0.0.0.0 or [::]"
    ),
    (
      "{address: 'localhost:1080'}",
      "1:20: listen[0].address: expected an address and a port such as 127.0.0.1:1080 or [::1]:1080, not \"localhost:1080\"; names are not resolved here"
    ),
    (
      "{address: '[127.0.0.1]:1080'}",
      "1:20: listen[0].address: expected an address and a port such as 127.0.0.1:1080 or [::1]:1080, not \"[127.0.0.1]:1080\"; names are not resolved here"
    ),
    (
      "{address: '127.0.0.1:65536'}",
      "1:20: listen[0].address: expected an address and a port such as 127.0.0.1:1080 or [::1]:1080; a port is a number from 0 to 65535"
    ),
    (
      "{address: '127.0.0.1:080'}",
      "1:20: listen[0].address: expected an address and a port such as 127.0.0.1:1080 or [::1]:1080; a port is a number from 0 to 65535"
    ),
    (
      "{address: '127.0.0.1:'}",
      "1:20: listen[0].address: expected an address and a port such as 127.0.0.1:1080 or [::1]:1080; a port is a number from 0 to 65535"
    ),
    (
      "{address: '127.0.0.1:1', adress: x}",
      "1:35: unknown key \"adress\" in listen[0]; known here: address, methods, clients"
    ),
    (
      "{address: '127.0.0.1:1'}, {address: '127.0.0.1:1'}",
      "1:46: listen[1].address: 127.0.0.1:1 appears twice; the first is on line 1"
    ),
    ("", "1:9: listen is an empty list; write at least one entry, for example [{address: 127.0.0.1:1080}]"),
  ])
  func listen(text: String, message: String) {
    #expect(messages(listen: text) == [message])
  }

  @Test(arguments: [
    ("", "2:11: the key kerberos.keytab is missing; write for example keytab: /etc/garter/garterd.keytab"),
    (
      "keytab: ",
      "2:20: kerberos.keytab has no value; write a path such as /etc/garter/garterd.keytab, or leave the key out"
    ),
    ("keytab: 'FILE:'", "2:20: kerberos.keytab: expected an absolute path, which begins with /, not \"FILE:\""),
    ("keytab: '/k\\0'", ""),
    ("keytab: \"/k\\0\"", "2:20: kerberos.keytab: expected an absolute path, which begins with /, not \"/k\\u{0}\""),
    ("keytab: /k, services: socks", "2:34: kerberos.services: expected a list such as [socks, rcmd]"),
    ("keytab: /k, services: null", "2:34: kerberos.services has no value; write a list such as [socks, rcmd]"),
    (
      "keytab: /k, services: [socks/host]",
      "2:35: kerberos.services[0]: expected a service such as socks, without host and realm, not \"socks/host\""
    ),
    ("keytab: /k, services: [a, b, a]", "2:41: kerberos.services[2] appears twice; the first is on line 2, column 35"),
    (
      "keytab: /k, services: [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q]",
      "2:34: kerberos.services has 17 entries; at most 16 are taken"
    ),
    (
      "keytab: /k, levels: []",
      "2:32: kerberos.levels is an empty list; write at least one entry, for example [confidentiality, integrity]"
    ),
    (
      "keytab: /k, levels: [2]",
      "2:33: kerberos.levels[0]: expected one of confidentiality, integrity, selective, not \"2\""
    ),
    (
      "keytab: /k, levels: [integrty]",
      "2:33: kerberos.levels[0]: expected one of confidentiality, integrity, selective, not \"integrty\"; did you mean integrity?"
    ),
    (
      "keytab: /k, levels: [integrity, integrity]",
      "2:44: kerberos.levels[1] appears twice; the first is on line 2, column 33"
    ),
    (
      "keytab: /k, replay_cache: cache",
      "2:38: kerberos.replay_cache: expected an absolute path, which begins with /, not \"cache\""
    ),
    (
      "keytab: /k, mechanisms: []",
      "2:36: kerberos.mechanisms is an empty list; write at least one entry, for example [krb5]"
    ),
    ("keytab: /k, mechanisms: [ntlm]", "2:37: kerberos.mechanisms[0]: expected one of krb5, spnego, not \"ntlm\""),
    ("keytab: /k, expired: ignore", "2:33: kerberos.expired: expected one of close, log, not \"ignore\""),
    ("keytab: /k, selective: always", "2:35: kerberos.selective: expected keys and values such as seal: always"),
    (
      "keytab: /k, selective: {seal: never}",
      "2:42: kerberos.selective.seal: expected one of unless-encrypted, always, not \"never\""
    ),
    (
      "keytab: /k, selective: {seal: unless_encrypted}",
      "2:42: kerberos.selective.seal: expected one of unless-encrypted, always, not \"unless_encrypted\"; did you mean unless-encrypted?"
    ),
    (
      "keytab: /k, allow_anonymous: true",
      "2:24: unknown key \"allow_anonymous\" in kerberos; known here: keytab, services, levels, replay_cache, mechanisms, expired, clock_skew, engine, selective"
    ),
  ])
  func kerberos(text: String, message: String) {
    #expect(messages(kerberos: text) == (message.isEmpty ? [] : [message]))
  }

  @Test(arguments: [
    ("timeouts:", "4:10: timeouts has no value; write keys below it such as idle: 2h, or leave the key out"),
    ("timeouts: {idle: }", "4:18: timeouts.idle has no value; write a duration such as 30s, or leave the key out"),
    ("timeouts: {idle: 5}", "4:18: timeouts.idle: expected a duration such as 500ms, 30s, 10m, 2h or 1d, not \"5\""),
    (
      "timeouts: {idle: never}",
      "4:18: timeouts.idle: expected a duration such as 500ms, 30s, 10m, 2h or 1d, not \"never\""
    ),
    ("timeouts: {method: 61m}", "4:20: timeouts.method: expected 1ms to 1h, not \"61m\""),
    ("limits: []", "4:9: limits: expected keys and values such as connections: 10000"),
    ("limits: {connections: 0}", "4:23: limits.connections: expected a whole number from 1 to 1000000, not \"0\""),
    (
      "limits: {relay_buffer: 1KB}",
      "4:24: limits.relay_buffer: expected a number of bytes such as 65536, 64KiB or 1MiB, not \"1KB\""
    ),
    ("limits: {relay_buffer: 1KiB}", "4:24: limits.relay_buffer: expected a size from 64KiB to 64MiB, not \"1KiB\""),
    ("limits: {relay-buffer: 1MiB}", "4:10: unknown key \"relay-buffer\" in limits; did you mean relay_buffer?"),
    ("timeouts: {session: 366d}", "4:21: timeouts.session: expected 1s to 365d, not \"366d\""),
    (
      "limits: {unauthenticated: 10:30}",
      "4:27: limits.unauthenticated: expected START:RATE:FULL such as 2500:30:5000 (connections, per cent, "
        + "connections; START at most FULL), not \"10:30\""
    ),
    (
      "limits: {bandwidth_per_principal: 10MiB}",
      "4:35: limits.bandwidth_per_principal: expected a bandwidth from 1KiB/s to 1024GiB/s such as 10MiB/s, not \"10MiB\""
    ),
    ("penalties: {timeout: 2h}", "4:22: penalties.timeout: expected 0s to 1h, not \"2h\""),
    ("penalties: {maximum: 0s}", "4:22: penalties.maximum: expected 1s to 1d, not \"0s\""),
    (
      "penalties: {minimum: 20s, maximum: 10s}",
      "4:12: penalties: minimum is longer than maximum, so nobody would ever be blocked"
    ),
    ("penalties: {addresses: 0}", "4:24: penalties.addresses: expected a whole number from 1 to 1000000, not \"0\""),
    ("penalties: {timeouts: 1s}", "4:13: unknown key \"timeouts\" in penalties; did you mean timeout?"),
    ("keepalive: {idle: 10h}", "4:19: keepalive.idle: expected 1s to 9h, not \"10h\""),
    ("keepalive: {interval: 1500ms}", "4:23: keepalive.interval: expected whole seconds"),
    ("keepalive: {probes: 101}", "4:21: keepalive.probes: expected a whole number from 1 to 100, not \"101\""),
    ("Timeouts: {}", "4:1: unknown key \"Timeouts\"; did you mean timeouts?"),
  ])
  func timeoutsAndLimits(text: String, message: String) {
    #expect(messages(more: text) == [message])
  }

  @Test(arguments: [
    ("bind: []", "4:7: bind: expected keys and values such as ports: 40000-40999"),
    ("bind: {timeout: 0s}", "4:17: bind.timeout: expected 1ms to 1h, not \"0s\""),
    ("bind: {timeout: 61m}", "4:17: bind.timeout: expected 1ms to 1h, not \"61m\""),
    (
      "bind: {ports: 0-10}",
      "4:15: bind.ports: expected a port from 1 to 65535, or a range such as 8000-8100, not \"0-10\""
    ),
    (
      "bind: {listen_address: gw.example.com}",
      "4:24: bind.listen_address: expected an address such as 192.0.2.1 or 2001:db8::1, not \"gw.example.com\""
    ),
    (
      "bind: {listen_address: 0.0.0.0}",
      "4:24: bind.listen_address: 0.0.0.0 is no address that a peer could connect to; write one of this machine or network"
    ),
    (
      "bind: {advertise_address: '::'}",
      "4:27: bind.advertise_address: :: is no address that a peer could connect to; write one of this machine or network"
    ),
    (
      "bind: {advertise_adress: 192.0.2.1}",
      "4:8: unknown key \"advertise_adress\" in bind; did you mean advertise_address?"
    ),
  ])
  func bind(text: String, message: String) {
    #expect(messages(more: text) == [message])
  }

  @Test(arguments: [
    (
      "deny: [connect], session: 1h", "3:27: rules[0].session: a rule that denies leads to no session; leave it out"
    ),
    (
      "deny: [connect], bandwidth: 1MiB/s",
      "3:27: rules[0].bandwidth: a rule that denies leads to no session; leave it out"
    ),
    ("principals: ['*@R'], to: ['*']", "3:9: the rule says neither allow nor deny; write for example allow: [connect]"),
    (
      "allow: [connect], deny: [connect], principals: ['*@R'], to: ['*']",
      "3:28: a rule either allows or denies; make two rules of this one"
    ),
    (
      "allow: [connect], to: ['*']",
      "3:9: the key rules[0].principals is missing; write for example principals: [\"*@EXAMPLE.COM\"]"
    ),
    ("allow: [connect], principals: ['*@R']", "3:9: the key rules[0].to is missing; write for example to: [\"*\"]"),
    ("allow: connect, principals: ['*@R'], to: ['*']", "3:17: rules[0].allow: expected a list such as [connect]"),
    (
      "allow: [], principals: ['*@R'], to: ['*']",
      "3:17: rules[0].allow is an empty list; write at least one entry, for example [connect]"
    ),
    (
      "allow: [listen], principals: ['*@R'], to: ['*']",
      "3:18: rules[0].allow[0]: expected one of \(commands), not \"listen\""
    ),
    (
      "deny: [connect], principals: []",
      "3:39: rules[0].principals is an empty list; write at least one entry, for example [\"*@EXAMPLE.COM\"]"
    ),
    (
      "deny: [connect], principals: ['a@b@c']",
      "3:40: rules[0].principals[0]: expected a principal such as alice@EXAMPLE.COM or */admin@EXAMPLE.COM, user:NAME, anonymous or unauthenticated, not \"a@b@c\""
    ),
    (
      "deny: [connect], principals: ['user:a@B']",
      "3:40: rules[0].principals[0]: user:… is a user of the password file, never a principal; if \"a@B\" is meant, write \\@ and \\/ in it"
    ),
    ("deny: [connect], to: []", "3:31: rules[0].to is an empty list; write at least one entry, for example [\"*\"]"),
    (
      "deny: [connect], to: ['10.*']",
      "3:32: rules[0].to[0]: expected *, a name such as example.com or *.example.com, an address or a network, not \"10.*\": the host name contains '*', which no host name has"
    ),
    (
      "deny: [connect], to: ['127.1']",
      "3:32: rules[0].to[0]: \"127.1\" is neither a name nor a whole IPv4 address; write four numbers, such as 192.0.2.1"
    ),
    (
      "deny: [connect], to: ['0x7f.1']",
      "3:32: rules[0].to[0]: \"0x7f.1\" is neither a name nor a whole IPv4 address; write four numbers, such as 192.0.2.1"
    ),
    (
      "deny: [connect], to: ['a.0x7f']",
      "3:32: rules[0].to[0]: \"a.0x7f\" is neither a name nor a whole IPv4 address; write four numbers, such as 192.0.2.1"
    ),
    (
      "deny: [connect], to: ['☃.example']",
      "3:32: rules[0].to[0]: the name \"☃.example\" has no ASCII form (IDNA): string contains a disallowed character"
    ),
    (
      "deny: [connect], to: ['example.com:22']",
      "3:32: rules[0].to[0]: expected an address or a network such as 192.0.2.0/24 or 2001:db8::/32, not \"example.com:22\""
    ),
    (
      "deny: [connect], to: ['10.0.0.0/33']",
      "3:32: rules[0].to[0]: expected a prefix length from 0 to 32 behind the /, not \"33\""
    ),
    (
      "deny: [connect], to: ['fe80::1%eth0']",
      "3:32: rules[0].to[0]: expected an address or a network such as 192.0.2.0/24 or 2001:db8::/32, not \"fe80::1%eth0\""
    ),
    (
      "deny: [connect], ports: [0]",
      "3:35: rules[0].ports[0]: expected a port from 1 to 65535, or a range such as 8000-8100, not \"0\""
    ),
    ("deny: [connect], ports: [9-8]", "3:35: rules[0].ports[0]: the range 9-8 ends before it begins; write 8-9"),
    (
      "deny: [connect], ports: ['1-2-3']",
      "3:35: rules[0].ports[0]: expected a port from 1 to 65535, or a range such as 8000-8100, not \"1-2-3\""
    ),
    (
      "deny: [connect], ports: [ssh]",
      "3:35: rules[0].ports[0]: expected a port from 1 to 65535, or a range such as 8000-8100, not \"ssh\""
    ),
    (
      "deny: [connect], from: [example.com]",
      "3:34: rules[0].from[0]: expected an address or a network such as 192.0.2.0/24 or 2001:db8::/32, not \"example.com\""
    ),
    (
      "deny: [connect], from: []",
      "3:33: rules[0].from is an empty list; write at least one entry, for example [192.0.2.0/24]"
    ),
    ("deny: [connect], name: ''", "3:33: rules[0].name: expected a text of 1 to 100 characters on one line, not \"\""),
    (
      "deny: [connect], name: \"a\\nb\"",
      "3:33: rules[0].name: expected a text of 1 to 100 characters on one line, not \"a\\u{a}b\""
    ),
    ("deny: [connect], nam: x", "3:27: unknown key \"nam\" in rules[0]; did you mean name?"),
  ])
  func rule(text: String, message: String) {
    #expect(messages(rule: text) == [message])
  }

  @Test func listsAreBounded() {
    let many = (0...1000).map { "10.0.\($0 / 256).\($0 % 256)" }.joined(separator: ",")
    #expect(
      messages(rule: "deny: [connect], to: [\(many)]") == ["3:31: rules[0].to has 1001 entries; at most 1000 are taken"]
    )
    let rules = String(repeating: "{deny: [connect]},", count: 1000)
    #expect(
      messages(rule: "deny: [connect]},\(rules){deny: [connect]").contains {
        $0.hasPrefix("3:8: rules has 1002 entries")
      })
    let listeners = (0...64).map { "{address: 127.0.0.1:\($0)}" }.joined(separator: ",")
    #expect(messages(listen: listeners).contains { $0.hasPrefix("1:9: listen has 65 entries") })
  }

  @Test func manyErrorsAreCounted() {
    let ports = String(repeating: "x,", count: 60)
    let text = refusal(
      "listen: [{address: 127.0.0.1:1}]\nkerberos: {keytab: /k}\nrules: [{deny: [connect], ports: [\(ports)]}]\n")
    #expect(text.hasSuffix("\n… and 10 more"))
  }

  /// What a file holds is shown, but never as control characters.
  @Test func excerptsAreHarmlessAndShort() {
    let problem = ConfigurationProblem(
      sourceName: "x", line: 1, column: 3, message: "m", sourceLine: "a\tb\u{1B}[31m\u{9B}c")
    #expect(problem.description == "x:1:3: m\n  a b?[31m?c\n    ^")
    let long = ConfigurationProblem(
      sourceName: "x", line: 1, column: 501, message: "m",
      sourceLine: String(repeating: "a", count: 500) + "!" + String(repeating: "b", count: 500))
    let lines = long.description.split(separator: "\n")
    #expect(lines[1].count == 102)
    #expect(lines[2].count == 2 + 60 + 0 && lines[1].dropFirst(lines[2].count - 1).first == "!")
  }
}
