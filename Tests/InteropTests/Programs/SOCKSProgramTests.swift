import FoundationEssentials
import Subprocess
import Testing

extension ProgramTests {
  /// Programs that speak SOCKS5, as they come with Debian: through the bridge, and straight to a gateway that takes the
  /// methods they know.
  @Suite struct SOCKSProgramTests {
    @Test(.timeLimit(.minutes(1))) func throughTheBridge() async throws {
      try await Targets.run { targets in
        try await Gateway.run { gateway in
          try await GarterBridge.run(gateway: gateway.address) { bridge in
            for program in SOCKSProgram.all {
              let ending = try await targets.fetch(program, program.script, proxy: bridge.address)
              #expect(targets.isGood(ending, program), "\(program): \(ending)")
            }
          }
          let records = try await gateway.sessions(SOCKSProgram.all.count)
          #expect(records.count == SOCKSProgram.all.count, "\(records)")
          #expect(records.allSatisfy { $0.metadata["level"] == "confidentiality" }, "\(records)")
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func straightToAGatewayThatAsksForNothing() async throws {
      let rule = #"{allow: [connect], principals: [unauthenticated], to: [127.0.0.0/8, "::1", localhost]}"#
      try await self.fetchAll(GatewayConfiguration(listener: ["methods: [none]"], rules: [rule])) { $0.script }
    }

    @Test(.timeLimit(.minutes(1))) func straightToAGatewayThatTakesPasswords() async throws {
      let rule = #"{allow: [connect], principals: ["user:alice"], to: [127.0.0.0/8, "::1", localhost]}"#
      try await Folder.lend { folder in
        try await Script(
          text: #"printf '%s\n' "$3" | exec "$1" passwd --file "$2" alice"#,
          arguments: [try Programs.garterd(), folder.file("passwords"), SOCKSProgram.password]
        ).succeed()
        let configuration = GatewayConfiguration(
          listener: ["methods: [password]"], passwords: folder.file("passwords"), rules: [rule])
        try await self.fetchAll(configuration) { $0.withPassword }
      }
    }

    /// What they hear of a gateway that takes Kerberos and nothing else.
    @Test(.timeLimit(.minutes(1))) func straightToAGatewayThatWantsKerberos() async throws {
      try await Targets.run { targets in
        try await Gateway.run { gateway in
          // curl knows GSS-API, and then nothing of what comes after it.
          let programs = SOCKSProgram.all.filter { !["curl"].contains($0.name) }
          for program in programs {
            let ending = try await targets.fetch(program, program.script, proxy: gateway.address)
            #expect(ending.status != .exited(0) && !targets.isGood(ending, program), "\(program): \(ending)")
          }
          let records = try await gateway.sessions(programs.count)
          #expect(records.allSatisfy { $0.reason == "no-acceptable-method" }, "\(records)")
        }
      }
    }

    private func fetchAll(
      _ configuration: GatewayConfiguration, script: (SOCKSProgram) -> String?
    ) async throws {
      try await Targets.run { targets in
        try await Gateway.run(configuration) { gateway in
          var count = 0
          for program in SOCKSProgram.all {
            guard let script = script(program) else { continue }
            count += 1
            let ending = try await targets.fetch(program, script, proxy: gateway.address)
            #expect(targets.isGood(ending, program), "\(program): \(ending)")
          }
          let records = try await gateway.sessions(count)
          #expect(records.count == count && count >= 5, "\(records)")
        }
      }
    }
  }
}

/// What the programs fetch: a page by HTTP, and a server with a certificate.
struct Targets: Sendable {
  let folder: Folder
  let web: String
  let tls: String
  let certificate: String

  static func run<Result>(_ body: (Targets) async throws -> Result) async throws -> Result {
    try await Folder.lend { folder in
      try folder.write(SOCKSProgram.page, to: "page")
      try await Script(
        text: """
          exec openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1/key" -out "$1/certificate" -days 2 \
            -subj /CN=localhost
          """, arguments: [folder.path]
      ).succeed()
      let certificate = try String(contentsOf: URL(filePath: folder.file("certificate")), encoding: .utf8)
      return try await WebServer.run(folder) { web in
        let child = try await Child.start([
          "openssl", "s_server", "-accept", "127.0.0.1:0", "-key", folder.file("key"), "-cert",
          folder.file("certificate"),
        ])
        do {
          // ACCEPT 127.0.0.1:N
          let line = try await child.output.first(within: .seconds(20)) { $0.hasPrefix("ACCEPT ") }
          guard let tls = line?.split(separator: " ").last else { throw PeerError(account: await child.account) }
          let targets = Targets(folder: folder, web: web, tls: String(tls), certificate: certificate)
          let result = try await body(targets)
          await child.abandon()
          return result
        } catch {
          await child.abandon()
          throw error
        }
      }
    }
  }

  /// Runs a script of the program's, with the proxy at `127.0.0.1:PORT`.
  func fetch(_ program: SOCKSProgram, _ script: String, proxy: String) async throws -> Script.Ending {
    let target = program.wantsCertificate ? self.tls : self.web
    return try await Script(
      text: script, arguments: [Self.port(proxy), Self.port(target), "localhost", self.folder.path], seconds: 20
    ).run()
  }

  func isGood(_ ending: Script.Ending, _ program: SOCKSProgram) -> Bool {
    // Its lines are not everywhere of the same length.
    let due = (program.wantsCertificate ? self.certificate : SOCKSProgram.page).filter { !$0.isWhitespace }
    return ending.status == .exited(0) && ending.text.filter { !$0.isWhitespace }.contains(due)
  }

  private static func port(_ address: String) -> String {
    String(address.suffix(from: address.lastIndex(of: ":").map(address.index(after:)) ?? address.startIndex))
  }
}
