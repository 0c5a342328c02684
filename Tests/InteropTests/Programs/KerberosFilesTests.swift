import FoundationEssentials
import Platform
import Subprocess
import Testing
import ThrowawayRealm

extension ProgramTests {
  /// What `garterd` finds out about krb5.conf, the keytab and the replay cache before anybody connects; `run` and `check`
  /// find the same.
  @Suite struct KerberosFilesTests {
    private static let commands = ["run", "check"]

    // MARK: krb5.conf

    enum Fault: String, CaseIterable {
      case folder = "Included profile directory could not be read"
      case file = "Included profile file could not be read"
      case syntax = "Improper format of Kerberos configuration file"
      case unreadable = "Permission denied"
      case missing = "No such file or directory"

      /// Written into `krb5.conf` of a folder.
      func script() -> String {
        switch self {
        case .folder: #"printf '[libdefaults]\nincludedir /nonexistent\n' >"$1/krb5.conf""#
        case .file:
          #"printf x >"$1/snippet"; chmod 0 "$1/snippet"; printf '[libdefaults]\ninclude %s\n' "$1/snippet" >"$1/krb5.conf""#
        case .syntax: #"printf '[libdefaults]\n[realms\n' >"$1/krb5.conf""#
        case .unreadable: #"printf '[libdefaults]\n' >"$1/krb5.conf"; chmod 0 "$1/krb5.conf""#
        case .missing: ":"
        }
      }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Fault.allCases)
    func krb5ConfIsNamed(fault: Fault) async throws {
      let interop = try await InteropRealm.ready()
      try await Folder.lend { folder in
        try await Script(text: fault.script(), arguments: [folder.path]).succeed()
        for command in Self.commands {
          let ending = try await Self.garterd(
            command, in: folder, keytab: interop.keytab, environment: ["KRB5_CONFIG": folder.file("krb5.conf")],
            asRoot: false)
          #expect(ending.status == .exited(78) && ending.complaints.count == 1, "\(ending)")
          let start =
            "garterd: the Kerberos configuration \(folder.file("krb5.conf")) cannot be read: \(fault.rawValue)"
          #expect(ending.diagnostics.hasPrefix(start), "\(ending)")
          #expect(!ending.diagnostics.contains("keytab"), "\(ending)")
          // The file that is included is named too.
          if fault == .folder { #expect(ending.diagnostics.contains("/nonexistent: No such file"), "\(ending)") }
          if fault == .file { #expect(ending.diagnostics.contains("\(folder.file("snippet")): Perm"), "\(ending)") }
        }
      }
    }

    /// A change in an included file is seen, though sessions that were established before still have the old one.
    @Test(.timeLimit(.minutes(2))) func aChangedIncludedFileIsSeen() async throws {
      let interop = try await InteropRealm.ready()
      try await Folder.lend { folder in
        let original = try String(contentsOf: URL(filePath: interop.realm.configurationPath), encoding: .utf8)
        try folder.write("\(original)\ninclude \(folder.file("snippet"))\n", to: "krb5.conf")
        let permissive = "[libdefaults]\n  clockskew = 300\n"
        try folder.write(permissive, to: "snippet")
        var configuration = GatewayConfiguration()
        configuration.kerberos = Programs.engine == nil ? ["engine: system"] : []
        try await Gateway.run(configuration, through: ["env", "KRB5_CONFIG=\(folder.file("krb5.conf"))"]) { gateway in
          // One that lasts: the library's context of it has the configuration as it was.
          let port = gateway.address.drop { $0 != ":" }
          let session = try await Child.start(
            [
              try Programs.garter(), "connect", "--verbose", "--gateway", "localhost\(port)", "127.0.0.1",
              "\(interop.realm.port)",
            ], environment: interop.environment)
          let start = try await session.diagnostics.first(within: .seconds(20)) { $0.contains("connected") }
          #expect(start != nil)
          // No ticket of this realm has a key of that type.
          try folder.write("[libdefaults]\n  permitted_enctypes = camellia256-cts-cmac\n", to: "snippet")
          try await Self.wait(until: { try await !Self.login(gateway) })
          try folder.write(permissive, to: "snippet")
          try await Self.wait(until: { try await Self.login(gateway) })
          await session.abandon()
        }
      }
    }

    // MARK: The keytab

    @Test(.timeLimit(.minutes(1)), arguments: ["620", "602", "660", "666"])
    func aKeytabThatOthersMayWriteIsRefused(mode: String) async throws {
      try await Self.withKeytab(mode: mode) { folder, keytab in
        for command in Self.commands {
          let ending = try await Self.garterd(command, in: folder, keytab: keytab)
          #expect(ending.status == .exited(78) && ending.complaints.count == 1, "\(ending)")
          #expect(ending.diagnostics.contains("may write the keytab \(keytab) (mode \(mode))"), "\(ending)")
        }
      }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [("644", 1), ("604", 1), ("640", 0), ("600", 0), ("400", 0)])
    func aKeytabThatOthersMayReadIsDoubtful(mode: String, warnings: Int) async throws {
      try await Self.withKeytab(mode: mode) { folder, keytab in
        let ending = try await Self.garterd("check", in: folder, keytab: keytab)
        #expect(ending.status == .exited(0), "\(ending)")
        let doubts = ending.complaints.filter { $0.contains("may read the keytab \(keytab) (mode \(mode))") }
        #expect(doubts.count == warnings, "\(ending)")
      }
    }

    @Test(.timeLimit(.minutes(1))) func checkListsPrincipalsWithTheirKeys() async throws {
      let interop = try await InteropRealm.ready()
      try await Folder.lend { folder in
        let original = try Self.read(interop.keytab)
        let newer = original.keys(of: "socks/localhost", as: "socks/localhost", version: 300)
        let weak = KeytabContents.Entry(
          name: "rcmd/weak.test", realm: "GARTER.TEST", version: 2, encryptionType: 23,
          key: Array(repeating: 7, count: 16))
        let account = original.keys(of: "socks/localhost", as: "GW$")
        try Self.write(account + original.entries + newer + [weak], to: folder.file("many.keytab"))
        let ending = try await Self.garterd(
          "check", in: folder, keytab: folder.file("many.keytab"), principal: "alice@garter.test")
        #expect(ending.status == .exited(0), "\(ending)")
        let types = "aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96"
        for line in [
          "serves       socks/localhost@GARTER.TEST (version 300: \(types); version 1: \(types))",
          "               rcmd/localhost@GARTER.TEST (version 1: \(types))",
          "               rcmd/weak.test@GARTER.TEST (version 2: arcfour-hmac)", "looked as    ",
        ] { #expect(ending.text.contains(line), "\(line) \(ending)") }
        #expect(!ending.text.contains("GW$") && !ending.text.contains("host/localhost"), "\(ending)")
        #expect(ending.diagnostics.contains("rcmd/weak.test@GARTER.TEST has only arcfour-hmac keys"), "\(ending)")
        #expect(
          ending.diagnostics.contains("rules name the realm garter.test, and the keytab has GARTER.TEST"), "\(ending)")
      }
    }

    // MARK: The replay cache

    enum Cache: String, CaseIterable {
      case noFolder, folder, pipe, unwritable, unwritableFolder
    }

    @Test(.timeLimit(.minutes(1)), arguments: Cache.allCases)
    func aReplayCacheThatCannotBeUsed(cache: Cache) async throws {
      let interop = try await InteropRealm.ready()
      try await Folder.lend { folder in
        let script = #"""
          cd "$1"; mkdir folder closed; mkfifo pipe; touch unwritable; chmod 0 unwritable; chmod 555 closed
          """#
        try await Script(text: script, arguments: [folder.path]).succeed()
        let path =
          switch cache {
          case .noFolder: folder.file("absent/replay")
          case .folder: folder.file("folder")
          case .pipe: folder.file("pipe")
          case .unwritable: folder.file("unwritable")
          case .unwritableFolder: folder.file("closed/replay")
          }
        for command in Self.commands {
          let ending = try await Self.garterd(
            command, in: folder, keytab: interop.keytab, replayCache: path, asRoot: false)
          #expect(ending.status == .exited(78) && ending.complaints.count == 1, "\(ending)")
          #expect(ending.diagnostics.hasPrefix("garterd: the replay cache \(path) cannot be used: "), "\(ending)")
        }
      }
    }

    /// A cache that root has made could not be opened by the service's user.
    @Test(.timeLimit(.minutes(1))) func checkLeavesNothingBehind() async throws {
      let interop = try await InteropRealm.ready()
      try await Folder.lend { folder in
        try await Script(text: #"mkdir "$1/state""#, arguments: [folder.path]).succeed()
        let ending = try await Self.garterd(
          "check", in: folder, keytab: interop.keytab, replayCache: folder.file("state/replay"))
        #expect(ending.status == .exited(0), "\(ending)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("state")).isEmpty)
      }
    }

    /// systemd gives several folders with a colon between.
    @Test(.timeLimit(.minutes(1))) func theFirstStateFolderIsTaken() async throws {
      let interop = try await InteropRealm.ready()
      try await Folder.lend { folder in
        try await Script(text: #"mkdir "$1/a" "$1/b""#, arguments: [folder.path]).succeed()
        let setting = "\(folder.file("a")):\(folder.file("b"))"
        try await Self.run(in: folder, keytab: interop.keytab, environment: ["STATE_DIRECTORY": setting]) { gateway in
          let isServed = try await Self.login(gateway)
          #expect(isServed)
        }
        #expect(FileManager.default.fileExists(atPath: folder.file("a/replay")))
        for (setting, part) in [
          ("/nonexistent/a:\(folder.file("b"))", "/nonexistent/a/replay cannot be used"),
          ("relative", "no absolute path"),
        ] {
          for command in Self.commands {
            let ending = try await Self.garterd(
              command, in: folder, keytab: interop.keytab, replayCache: nil, environment: ["STATE_DIRECTORY": setting])
            #expect(ending.status == .exited(78) && ending.diagnostics.contains(part), "\(ending)")
          }
        }
      }
    }

    // MARK: --user

    @Test(.timeLimit(.minutes(1)), .enabled(if: currentUserID() == 0, "only root can act as another user"))
    func checkLooksAsAnotherUser() async throws {
      let interop = try await InteropRealm.ready()
      try await Self.withKeytab(mode: "600") { folder, keytab in
        // The realm's folder is root's own.
        let open = "/tmp/garter-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: open) }
        let script =
          #"mkdir -m 755 "$1" && cp "$2" "$1/keytab" && cp "$3" "$1/krb5.conf" && mkdir -m 777 "$1/state" && chmod 600 "$1/keytab""#
        try await Script(text: script, arguments: [open, keytab, interop.realm.configurationPath]).succeed()
        let place = Folder(path: open)
        func check(_ user: String?) async throws -> Script.Ending {
          try await Self.garterd(
            "check", in: place, keytab: place.file("keytab"), replayCache: place.file("state/replay"),
            environment: ["KRB5_CONFIG": place.file("krb5.conf")], user: user)
        }
        let asRoot = try await check(nil)
        #expect(asRoot.status == .exited(0) && asRoot.text.contains("looked as    root (uid 0)"), "\(asRoot)")
        let refused = try await check("nobody")
        #expect(refused.status == .exited(78), "\(refused)")
        #expect(
          refused.diagnostics.contains(
            "the keytab \(place.file("keytab")) cannot be read: Permission denied (it must exist and be readable by nobody (uid"
          ),
          "\(refused)")
        try await Script(text: #"chown nobody "$1/keytab""#, arguments: [open]).succeed()
        let allowed = try await check("nobody")
        #expect(allowed.status == .exited(0) && allowed.text.contains("looked as    nobody (uid "), "\(allowed)")
        let unknown = try await check("no-such-user")
        #expect(
          unknown.status == .exited(64) && unknown.diagnostics.contains("there is no user no-such-user"), "\(unknown)")
      }
    }

    // MARK: Support

    private static func withKeytab(mode: String, _ body: (Folder, String) async throws -> Void) async throws {
      let interop = try await InteropRealm.ready()
      try await Folder.lend { folder in
        let keytab = folder.file("copy.keytab")
        try await Script(
          text: #"cp "$1" "$2" && chmod "$3" "$2""#, arguments: [interop.keytab, keytab, mode]
        ).succeed()
        try await body(folder, keytab)
      }
    }

    private static func read(_ path: String) throws -> KeytabContents {
      try #require(KeytabContents(bytes: Array(Data(contentsOf: URL(filePath: path)))))
    }

    private static func write(_ entries: [KeytabContents.Entry], to path: String) throws {
      try Data(KeytabContents(entries: entries).bytes).write(to: URL(filePath: path))
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }

    private static func text(keytab: String, replayCache: String?, principal: String) -> String {
      """
      listen: [{address: "127.0.0.1:0"}]
      kerberos: {keytab: \(keytab)\(replayCache.map { ", replay_cache: \($0)" } ?? "")}
      rules: [{allow: [connect], principals: ["\(principal)"], to: [127.0.0.0/8]}]

      """
    }

    /// - Parameter asRoot: false takes from root what lets it read and write everything.
    private static func garterd(
      _ command: String, in folder: Folder, keytab: String, replayCache: String? = "none",
      principal: String = "alice@GARTER.TEST", environment: [String: String?] = [:], asRoot: Bool = true,
      user: String? = nil
    ) async throws -> Script.Ending {
      let interop = try await InteropRealm.ready()
      let cache = replayCache == "none" ? folder.file("replay") : replayCache
      try folder.write(self.text(keytab: keytab, replayCache: cache, principal: principal), to: "garterd.yaml")
      let powers = "-dac_override,-dac_read_search"
      let isReduced = !asRoot && currentUserID() == 0
      let reduction = isReduced ? ["setpriv", "--inh-caps", powers, "--bounding-set", powers, "--"] : []
      return try await Script(
        text: #"exec "$@""#,
        arguments: reduction + [try Programs.garterd(), command, "--config", folder.file("garterd.yaml")]
          + (user.map { ["--user", $0] } ?? []),
        environment: interop.realm.environment.merging(environment.compactMapValues(\.self)) { $1 }.mapValues { $0 },
        seconds: 20
      ).run()
    }

    private static func run(
      in folder: Folder, keytab: String, environment: [String: String], _ body: (Gateway) async throws -> Void
    ) async throws {
      let interop = try await InteropRealm.ready()
      try folder.write(self.text(keytab: keytab, replayCache: nil, principal: "alice@GARTER.TEST"), to: "run.yaml")
      let child = try await Child.start(
        [try Programs.garterd(), "run", "--config", folder.file("run.yaml")],
        environment: interop.realm.environment.merging(environment) { $1 }.mapValues { $0 })
      do {
        let line = try await child.diagnostics.first(within: .seconds(20)) { LogLine($0).message == "listening" }
        let address = line.flatMap { LogLine($0).metadata["addresses"] }
        guard let address else { throw GatewayError(account: await child.account) }
        let gateway = Gateway(child: child, address: address, addresses: [address], replayCache: "")
        try await body(gateway)
        try await gateway.stop()
      } catch {
        await child.abandon()
        throw error
      }
    }

    /// Whether a client can authenticate: what becomes of its target does not matter.
    private static func login(_ gateway: Gateway) async throws -> Bool {
      let before = await gateway.sessions.count
      _ = try await GarterConnect(gateway: gateway.address).run()
      let record = try await gateway.sessions(before + 1).last
      return record?.metadata["principal"] != nil
    }

    /// Waits until a condition holds, for ten seconds at most.
    private static func wait(until condition: () async throws -> Bool) async throws {
      let deadline = ContinuousClock.now + .seconds(10)
      while try await !condition() {
        guard ContinuousClock.now < deadline else {
          Issue.record("the change was not seen")
          return
        }
        try await Task.sleep(for: .milliseconds(100))
      }
    }
  }
}
