import Subprocess
import Testing

extension ProgramTests {
  /// `garterd passwd`, and programs that authenticate without protecting anything, or not at all.
  @Suite struct AuthenticationMethodTests {
    /// The user of ``GatewayConfiguration``'s first rule, a user with a password, and anybody.
    static let rules = [
      #"{allow: [connect], principals: ["alice@GARTER.TEST", "user:alice", "unauthenticated"], to: [127.0.0.0/8, "::1"]}"#
    ]

    /// Lends a web server's address and a password file in which `alice` has `secret`.
    static func lend(_ body: (_ web: String, _ folder: Folder) async throws -> Void) async throws {
      try await Folder.lend { folder in
        _ = try await folder.makeRandom("small", octets: 10_000)
        let made = try await Self.passwd(folder, input: "secret", ["alice"])
        #expect(made.status == .exited(0), "\(made)")
        try await WebServer.run(folder) { web in try await body(web, folder) }
      }
    }

    static func passwd(_ folder: Folder, input: String, _ arguments: [String]) async throws -> Script.Ending {
      try await Script(
        text: #"input=$1; shift; printf '%s' "$input" | "$@""#,
        arguments: [input, try Programs.garterd(), "passwd", "--file", folder.file("passwords")] + arguments
      ).run()
    }

    static func configuration(_ folder: Folder, _ lines: String...) -> GatewayConfiguration {
      GatewayConfiguration(listener: lines, passwords: folder.file("passwords"), rules: Self.rules)
    }

    /// curl straight to the gateway, without a ticket.
    static func curl(
      _ gateway: Gateway, _ web: String, user: String? = nil, _ options: [String] = []
    ) async throws -> Script.Ending {
      let proxy = "socks5h://\(user.map { "\($0)@" } ?? "")\(gateway.address)"
      return try await Script(
        text: #"exec curl --silent --show-error --output /dev/null --write-out '%{http_code}' --proxy "$@""#,
        arguments: [proxy] + options + ["http://\(web)/small"]
      ).run()
    }

    @Test(.timeLimit(.minutes(1))) func curlUsesAPassword() async throws {
      try await Self.lend { web, folder in
        try await Gateway.run(Self.configuration(folder, "methods: [password, gssapi]")) { gateway in
          let good = try await Self.curl(gateway, web, user: "alice:secret")
          #expect(good.status == .exited(0) && good.text == "200", "\(good)")
          for user in ["alice:wrong", "alice:", "bob:secret"] {
            let bad = try await Self.curl(gateway, web, user: user)
            #expect(bad.status == .exited(97) && bad.diagnostics.contains("rejected"), "\(bad)")
          }
          let records = try await gateway.sessions(4)
          #expect(records[0].metadata["principal"] == "user:alice" && records[0].reason == "completed")
          #expect(records.dropFirst().allSatisfy { $0.reason == "password-refused" }, "\(records)")
        }
      }
    }

    /// Why the order of the methods is the operator's, network by network: curl 7.69 to 8.16 offers GSS-API even with a
    /// password, and cannot finish it.
    @Test(.timeLimit(.minutes(1))) func theOrderOfMethodsDecidesForCurl() async throws {
      try await Self.lend { web, folder in
        let configuration = Self.configuration(
          folder, "methods: [gssapi, password]", "clients: [{from: [127.0.0.1], methods: [password, gssapi]}]")
        try await Gateway.run(configuration) { gateway in
          let preferred = try await Self.curl(gateway, web, user: "alice:secret")
          #expect(preferred.text == "200", "\(preferred)")
          let other = try await Self.curl(gateway, web, user: "alice:secret", ["--interface", "127.0.0.2"])
          let told = try await Self.curl(
            gateway, web, user: "alice:secret", ["--interface", "127.0.0.2", "--socks5-basic"])
          #expect(told.text == "200", "\(told)")
          let records = try await gateway.sessions(3)
          #expect(records.map { $0.metadata["method"] } == ["password", "gssapi", "password"], "\(records)")
          #expect(other.status == .exited(97) && records[1].metadata["hint"]?.contains("7.69") == true, "\(records)")
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func curlUsesNoMethodWhereItMay() async throws {
      try await Self.lend { web, folder in
        let configuration = Self.configuration(
          folder, "methods: [gssapi]", "clients: [{from: [127.0.0.2], methods: [none]}]")
        try await Gateway.run(configuration) { gateway in
          let allowed = try await Self.curl(gateway, web, ["--interface", "127.0.0.2"])
          #expect(allowed.text == "200", "\(allowed)")
          let refused = try await Self.curl(gateway, web)
          #expect(refused.status == .exited(97), "\(refused)")
          let records = try await gateway.sessions(2)
          #expect(records[0].metadata["principal"] == "unauthenticated" && records[0].metadata["method"] == "none")
        }
      }
    }

    // MARK: Compatibility switches

    /// The session of one program, as ``authentication_only.py`` plays it.
    static func session(_ gateway: Gateway, _ web: String, _ options: [String]) async throws -> JSONValue {
      let interop = try await InteropRealm.ready()
      let ended = try await Script(
        text: #"exec "$@""#,
        arguments: Programs.peer("authentication_only.py") + ["--server", gateway.address, "--target", web] + options,
        environment: interop.environment
      ).succeed()
      return try JSONValue(parsing: ended.text)
    }

    /// curl up to 7.68 asks for level 0, curl from 8.17 on for level 2, JGit and Apache MINA for none.
    @Test(.timeLimit(.minutes(1))) func unprotectedServesProgramsThatProtectNothing() async throws {
      try await Self.lend { web, folder in
        let configuration = Self.configuration(folder, "clients: [{from: [127.0.0.0/8], compatibility: [unprotected]}]")
        try await Gateway.run(configuration) { gateway in
          let ways = [["--level", "0"], ["--level", "1"], ["--level", "2"], ["--level", "3"], ["--level", "none"]]
          for way in ways {
            let result = try await Self.session(gateway, web, way)
            #expect(result["answer"]?.text == (way[1] == "none" ? nil : "00"), "\(way) \(result)")
            #expect(result["reply"] == "0500" && result["status"]?.text?.contains("200") == true, "\(way) \(result)")
          }
          let records = try await gateway.sessions(ways.count)
          for record in records {
            #expect(
              record.metadata["compatibility"] == "unprotected" && record.metadata["level"] == "none", "\(record)")
            #expect(record.metadata["principal"] == "alice@GARTER.TEST" && record.description.contains(" warning "))
          }
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func withoutTheSwitchTheyAreRefused() async throws {
      try await Self.lend { web, folder in
        // On for somebody else.
        let configuration = Self.configuration(
          folder, "clients: [{from: [127.0.0.2], compatibility: [unprotected, nec]}]")
        try await Gateway.run(configuration) { gateway in
          for way in [["--level", "0"], ["--level", "none"], ["--level", "2", "--clear"]] {
            let result = try await Self.session(gateway, web, way)
            #expect(result["refused"] != nil && result["reply"] == nil, "\(way) \(result)")
          }
          let records = try await gateway.sessions(3)
          #expect(records.allSatisfy { $0.metadata["compatibility"] == nil && $0.reason != "completed" }, "\(records)")
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func necAnswersInKind() async throws {
      try await Self.lend { web, folder in
        let configuration = Self.configuration(folder, "clients: [{from: [127.0.0.0/8], compatibility: [nec]}]")
        try await Gateway.run(configuration) { gateway in
          let result = try await Self.session(gateway, web, ["--level", "2", "--clear"])
          #expect(result["answer"] == "02" && result["reply"] == "0500", "\(result)")
          let refused = try await Self.session(gateway, web, ["--level", "0", "--clear"])
          #expect(refused["refused"] != nil, "\(refused)")
          let records = try await gateway.sessions(2)
          #expect(records[0].metadata["compatibility"] == "nec" && records[0].metadata["level"] == "confidentiality")
        }
      }
    }

    // MARK: garterd passwd

    @Test(.timeLimit(.minutes(1))) func passwdChangesTheFileAndTheGatewayFollows() async throws {
      try await Self.lend { web, folder in
        try await Gateway.run(Self.configuration(folder, "methods: [password]")) { gateway in
          #expect(try await Self.curl(gateway, web, user: "alice:secret").text == "200")
          // One line, with or without its end.
          let changed = try await Self.passwd(folder, input: "another\n", ["alice"])
          #expect(changed.status == .exited(0) && changed.text.isEmpty && changed.diagnostics.isEmpty, "\(changed)")
          #expect(try await Self.curl(gateway, web, user: "alice:secret").status == .exited(97))
          #expect(try await Self.curl(gateway, web, user: "alice:another").text == "200")
          #expect(try await Self.passwd(folder, input: "", ["--delete", "alice"]).status == .exited(0))
          #expect(try await Self.curl(gateway, web, user: "alice:another").status == .exited(97))
        }
        let mode = try await Script(text: #"stat -c %a "$1""#, arguments: [folder.file("passwords")]).succeed()
        #expect(mode.text == "600\n")
      }
    }

    @Test(.timeLimit(.minutes(1))) func passwdRefusesWhatItCannotDo() async throws {
      try await Self.lend { _, folder in
        let cases: [(input: String, arguments: [String], complaint: String)] = [
          ("", ["bob"], "no password was given"), ("\n", ["bob"], "1 to 255 bytes"),
          (String(repeating: "x", count: 256), ["bob"], "1 to 255 bytes"), ("x", ["a:b"], "without a colon"),
          ("", ["--delete", "bob"], "has no user bob"),
        ]
        for (input, arguments, complaint) in cases {
          let ended = try await Self.passwd(folder, input: input, arguments)
          #expect(!ended.status.isSuccess && ended.diagnostics.contains(complaint), "\(ended)")
        }
        try await Script(text: #"chmod 644 "$1""#, arguments: [folder.file("passwords")]).succeed()
        let open = try await Self.passwd(folder, input: "x", ["bob"])
        #expect(open.diagnostics.contains("chmod 600"), "\(open)")
        try await Script(text: #"chmod 600 "$1"; echo nonsense >>"$1""#, arguments: [folder.file("passwords")])
          .succeed()
        let bad = try await Self.passwd(folder, input: "x", ["bob"])
        #expect(bad.diagnostics.contains("passwords:2:1: expected NAME:HASH"), "\(bad)")
      }
    }
  }
}
