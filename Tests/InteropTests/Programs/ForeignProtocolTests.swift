import FoundationEssentials
import Subprocess
import Testing

extension ProgramTests {
  /// Programs that are set to another kind of proxy, or sent to the wrong port: the record says what they speak, and how to
  /// fix it.
  @Suite struct ForeignProtocolTests {
    /// A program that speaks something else to port `$1` of 127.0.0.1, and writes what it is answered, where it shows that.
    struct Speaker: Sendable, CustomStringConvertible {
      let name: String
      let script: String
      /// The word in the record.
      let kind: String
      /// A part of the hint in the record.
      let hint: String
      /// A part of what the program writes, or nil where it is not answered.
      var shows: String?

      var description: String { self.name }
    }

    static let speakers = [
      Speaker(
        name: "curl with an HTTP proxy",
        script: #"curl --silent --show-error --include --proxy "http://127.0.0.1:$1" http://target.test/"#,
        kind: "http", hint: "SOCKS5 (socks5h://), not HTTP", shows: "400 Bad Request"),
      Speaker(
        name: "curl with an HTTP proxy, for https",
        script: #"curl --silent --show-error --proxy "http://127.0.0.1:$1" https://target.test/"#,
        kind: "http", hint: "SOCKS5 (socks5h://), not HTTP", shows: "400"),
      Speaker(
        name: "a web browser's first line",
        script: send("GET / HTTP/1.1\\r\\nHost: target.test\\r\\n\\r\\n"),
        kind: "http", hint: "SOCKS5 (socks5h://), not HTTP", shows: hexadecimal("HTTP/1.1 400 ")),
      Speaker(
        name: "curl with an HTTPS proxy",
        script: #"curl --silent --show-error --proxy "https://127.0.0.1:$1" http://target.test/"#,
        kind: "tls", hint: "uses an https:// proxy"),
      Speaker(
        name: "openssl s_client", script: #"openssl s_client -connect "127.0.0.1:$1" </dev/null"#,
        kind: "tls", hint: "uses an https:// proxy"),
      Speaker(
        name: "curl with SOCKS4",
        script: #"curl --silent --show-error --socks4 "127.0.0.1:$1" http://127.0.0.1:9/"#,
        kind: "socks4", hint: "SOCKS4 has no authentication", shows: "(91)"),
      Speaker(
        name: "curl with SOCKS4a",
        script: #"curl --silent --show-error --socks4a "127.0.0.1:$1" http://target.test/"#,
        kind: "socks4", hint: "SOCKS4 has no authentication", shows: "(91)"),
      Speaker(
        name: "SOCKS4's BIND", script: send("\\x04\\x02\\x00\\x50\\x7f\\x00\\x00\\x01alice\\x00"),
        kind: "socks4", hint: "SOCKS4 has no authentication", shows: "005b000000000000"),
      Speaker(
        name: "ssh",
        script: """
          ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -p "$1" \
            nobody@127.0.0.1 true
          """,
        kind: "ssh", hint: "garter connect --gateway"),
      Speaker(
        name: "a PROXY header, version 1",
        script: send("PROXY TCP4 192.0.2.1 192.0.2.2 40000 1080\\r\\n\\x05\\x01\\x00"),
        kind: "proxy-header", hint: "remove send-proxy", shows: "answer="),
      Speaker(
        name: "a PROXY header, version 2",
        script: send(
          "\\r\\n\\r\\n\\x00\\r\\nQUIT\\n\\x21\\x11\\x00\\x0c\\xc0\\x00\\x02\\x01\\xc0\\x00\\x02\\x02\\x9c\\x40\\x04\\x38"
        ),
        kind: "proxy-header", hint: "remove send-proxy", shows: "answer="),
    ]

    @Test(.timeLimit(.minutes(1)), arguments: speakers) func toTheGateway(speaker: Speaker) async throws {
      // At the level that operators have: a failed attempt is seen there.
      try await Gateway.run(logLevel: "info") { gateway in
        try await Self.expectAnswer(speaker, at: gateway.address)
        let record = try await gateway.sessions(1)[0]
        Self.expect(record, speaker)
        #expect(record.level == "notice" && record.metadata["principal"] == nil, "\(record)")
        try await Self.expectService(gateway.address)
      }
    }

    @Test(.timeLimit(.minutes(1)), arguments: speakers) func toTheBridge(speaker: Speaker) async throws {
      // No gateway is needed: nothing is asked of it.
      try await GarterBridge.run(gateway: "127.0.0.1:1", options: ["--verbose"]) { bridge in
        try await Self.expectAnswer(speaker, at: bridge.address)
        let isRecord = { @Sendable (line: String) in line.contains("reason=foreign-protocol") }
        let line = try await bridge.child.diagnostics.first(within: .seconds(10), where: isRecord)
        Self.expect(LogLine(try #require(line)), speaker)
      }
    }

    private static func expect(_ record: LogLine, _ speaker: Speaker) {
      #expect(record.reason == "foreign-protocol" && record.metadata["protocol"] == speaker.kind, "\(record)")
      #expect(record.metadata["hint"]?.contains(speaker.hint) == true, "\(record)")
      #expect(record.metadata["phase"] == "method" && record.metadata["fault"] == "client", "\(record)")
    }

    /// The program ends, with an error where it is one that reports errors.
    private static func expectAnswer(_ speaker: Speaker, at address: String) async throws {
      let ending = try await Script(
        text: speaker.script, arguments: [String(address.drop { $0 != ":" }.dropFirst())],
        environment: ["no_proxy": nil, "NO_PROXY": nil], seconds: 20
      ).run()
      switch ending.status {
      case .exited(137), .signaled: Issue.record("did not end: \(ending)")
      case .exited: break
      }
      guard let shown = speaker.shows else { return }
      let isShown = shown.hasSuffix("=") ? ending.text == "\(shown)\n" : "\(ending)".contains(shown)
      #expect(isShown, "\(ending)")
    }

    /// The gateway goes on: a client that speaks SOCKS5 is answered.
    private static func expectService(_ address: String) async throws {
      let port = String(address.drop { $0 != ":" }.dropFirst())
      let ending = try await Script(text: Self.send("\\x05\\x01\\x01", atMost: 2), arguments: [port], seconds: 20).run()
      #expect(ending.text == "answer=0501\n", "\(ending)")
    }

    /// Sends bytes, and writes the answer in hexadecimal.
    private static func send(_ bytes: String, atMost limit: Int = 4_096) -> String {
      """
      exec /usr/bin/python3 -c '
      import socket, sys
      got = b""
      with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) as s:
          s.sendall(b"\(bytes)")
          try:
              while len(got) < \(limit) and (more := s.recv(4096)): got += more
          except ConnectionResetError: pass
      print("answer=" + got.hex())
      ' "$1"
      """
    }

    private static func hexadecimal(_ text: String) -> String {
      text.utf8.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
  }
}
