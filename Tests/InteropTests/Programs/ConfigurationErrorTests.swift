import Platform
import Subprocess
import Testing
import ThrowawayRealm

extension ProgramTests {
  /// What `garterd` says when it cannot run.
  @Suite struct ConfigurationErrorTests {
    @Test(.timeLimit(.minutes(1)), arguments: ["run", "check"])
    func everyErrorHasItsPlace(command: String) async throws {
      let text = """
        listen:
          - address: 127.0.0.1:0
        kerberos:
          keytab: relative.keytab
          sevices: [socks]
        timeouts:
          idle: forever
        rules: []

        """
      let (ending, path) = try await self.run(command, text)
      #expect(ending.status == .exited(78) && ending.output.isEmpty, "\(ending)")
      for place in ["\(path):4:11:", "\(path):5:3:", "\(path):7:9:"] {
        #expect(ending.complaints.contains { $0.hasPrefix(place) }, "\(place) \(ending)")
      }
      #expect(ending.diagnostics.contains("services"), "the word that was meant: \(ending)")
    }

    @Test(.timeLimit(.minutes(1))) func noConfiguration() async throws {
      let ending = try await self.garterd(["run", "--config", "/nonexistent/garterd.yaml"])
      #expect(ending.status == .exited(78) && ending.diagnostics.contains("/nonexistent/garterd.yaml"), "\(ending)")
    }

    enum Keytab: String, CaseIterable {
      case missing, directory, garbage, unreadable
    }

    @Test(.timeLimit(.minutes(1)), arguments: Keytab.allCases)
    func aKeytabThatCannotBeRead(keytab: Keytab) async throws {
      let interop = try await InteropRealm.ready()
      try await Folder.lend { folder in
        try await Script(
          text: #"cd "$1" && mkdir directory && echo garbage >garbage && cp "$2" unreadable && chmod 0 unreadable"#,
          arguments: [folder.path, interop.keytab]
        ).succeed()
        let path = folder.file(keytab.rawValue)
        let (ending, _) = try await self.run("run", self.configuration(keytab: path), asRoot: false)
        #expect(ending.status == .exited(78) && ending.output.isEmpty && ending.complaints.count == 1, "\(ending)")
        #expect(ending.diagnostics.hasPrefix("garterd: the keytab \(path) cannot be read: "), "\(ending)")
      }
    }

    @Test(.timeLimit(.minutes(1))) func aKeytabWithoutTheService() async throws {
      let interop = try await InteropRealm.ready()
      let (ending, _) = try await self.run("run", self.configuration(keytab: interop.userKeytab))
      #expect(ending.status == .exited(78) && ending.complaints.count == 1, "\(ending)")
      #expect(ending.diagnostics.contains("\(interop.userKeytab) has no key for socks/… or rcmd/…"), "\(ending)")
    }

    @Test(.timeLimit(.minutes(1))) func aPortThatIsTaken() async throws {
      let interop = try await InteropRealm.ready()
      try await Gateway.run { gateway in
        let text = self.configuration(keytab: interop.keytab, listen: gateway.address)
        let (ending, _) = try await self.run("run", text)
        // Where few files may be open, a warning stands before it.
        let last = ending.complaints.last ?? ""
        #expect(ending.status == .exited(69), "\(ending)")
        #expect(last.hasPrefix("garterd: cannot listen on \(gateway.address): "), "\(ending)")
      }
    }

    private func configuration(keytab: String, listen: String = "127.0.0.1:0") -> String {
      GatewayConfiguration(listen: [listen]).text(keytab: keytab, replayCache: "\(keytab).replay")
    }

    /// - Parameter asRoot: false takes from root what lets it read everything.
    private func run(_ command: String, _ text: String, asRoot: Bool = true) async throws -> (Script.Ending, String) {
      try await Folder.lend { folder in
        try folder.write(text, to: "garterd.yaml")
        let path = folder.file("garterd.yaml")
        return (try await self.garterd([command, "--config", path], asRoot: asRoot), path)
      }
    }

    private func garterd(_ arguments: [String], asRoot: Bool = true) async throws -> Script.Ending {
      let interop = try await InteropRealm.ready()
      let powers = "-dac_override,-dac_read_search"
      let isReduced = !asRoot && currentUserID() == 0
      let reduction = isReduced ? ["setpriv", "--inh-caps", powers, "--bounding-set", powers, "--"] : []
      return try await Script(
        text: #"exec "$@""#, arguments: reduction + [try Programs.garterd()] + arguments,
        environment: interop.realm.environment.mapValues { $0 }, seconds: 20
      ).run()
    }
  }
}
