import FoundationEssentials
import Subprocess
import Testing
import ThrowawayRealm

extension ProgramTests {
  /// Whose tickets `garter` uses, and what it says when it has none.
  @Suite struct ClientIdentityTests {
    /// Two realms that trust each other not at all, each with a user; the gateway is in the first.
    private struct TwoRealms: Sendable {
      let own: OwnRealm
      let environment: [String: String]

      static func lend<Result>(_ body: (TwoRealms) async throws -> Result) async throws -> Result {
        var other = KerberosRealmConfiguration()
        other.realm = "OTHER.TEST"
        return try await OwnRealm.lend { own in
          try await KerberosRealm.withRealm(other) { other in
            let path = "\(own.realm.folder)/both.conf"
            let text = """

              [realms]
                OTHER.TEST = {
                  kdc = 127.0.0.1:\(other.port)
                }
              """
            try await Script(
              text: #"{ cat "$1"; printf '%s\n' "$3"; } >"$2""#,
              arguments: [own.realm.configurationPath, path, text]
            ).succeed()
            try await other.addPrincipal("bob")
            try await other.exportKeytab(["bob"], to: "\(own.realm.folder)/bob.keytab")
            var environment = own.realm.environment
            environment["KRB5_CONFIG"] = path
            environment["KRB5CCNAME"] = nil
            return try await body(TwoRealms(own: own, environment: environment))
          }
        }
      }

      /// Tickets of both; the last one's cache is the primary.
      func fill(_ cache: String, through: [String] = []) async throws {
        for (user, keytab) in [
          ("alice@GARTER.TEST", self.own.userKeytab), ("bob@OTHER.TEST", "\(self.own.realm.folder)/bob.keytab"),
        ] {
          try await self.own.realm.run(
            through + ["kinit", "-k", "-t", keytab, user],
            environment: self.environment.merging(["KRB5CCNAME": cache]) { $1 })
        }
      }

      func garter(
        _ gateway: Gateway, _ options: [String], cache: String? = nil, through: String = ""
      ) async throws -> Script.Ending {
        var environment: [String: String?] = self.environment.mapValues { $0 }
        environment["KRB5CCNAME"] = .some(cache)
        let command = [
          try Programs.garter(), "connect", "--verbose", "--gateway", "localhost:\(gateway.port)",
        ]
        return try await Script(
          text: through + #"exec "$@" </dev/null"#,
          arguments: command + Programs.engineOptions + options + ["127.0.0.1", "\(self.own.realm.port)"],
          environment: environment
        ).run()
      }

      /// The cache of the gateway's realm is found, by the option as by the environment.
      func expectChoice(_ cache: String, _ gateway: Gateway, through: String = "") async throws {
        let alice = "as alice@GARTER.TEST to socks/localhost"
        for (options, variable) in [(["--ccache", cache], nil), ([], cache)] as [([String], String?)] {
          let chosen = try await self.garter(gateway, options, cache: variable, through: through)
          #expect(chosen.diagnostics.contains(alice), "\(cache) \(chosen)")
          let named = try await self.garter(gateway, options + ["--as", "alice"], cache: variable, through: through)
          #expect(named.diagnostics.contains(alice), "\(cache) \(named)")
          let stranger = try await self.garter(gateway, options + ["--as", "carol"], cache: variable, through: through)
          #expect(stranger.status == .exited(77), "\(cache) \(stranger)")
          for words in ["no ticket of carol@GARTER.TEST in \(cache)", "alice@GARTER.TEST", "bob@OTHER.TEST"] {
            #expect(stranger.diagnostics.contains(words), "\(cache) \(stranger)")
          }
        }
      }
    }

    @Test(.timeLimit(.minutes(2))) func aFolderOfCaches() async throws {
      try await TwoRealms.lend { realms in
        let folder = "\(realms.own.realm.folder)/caches"
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try await realms.fill("DIR:\(folder)")
        try await realms.own.runGateway { try await realms.expectChoice("DIR:\(folder)", $0) }
      }
    }

    @Test(.timeLimit(.minutes(2))) func aKeyring() async throws {
      try await TwoRealms.lend { realms in
        let cache = "KEYRING:user:garter-\(UInt32.random(in: 0 ... .max))"
        try await realms.fill(cache)
        do {
          try await realms.own.runGateway { try await realms.expectChoice(cache, $0) }
        } catch {
          _ = try? await realms.own.realm.run(["kdestroy", "-q", "-A"], environment: ["KRB5CCNAME": cache])
          throw error
        }
        try await realms.own.realm.run(["kdestroy", "-q", "-A"], environment: ["KRB5CCNAME": cache])
      }
    }

    /// Heimdal's KCM listens in `/run`: this one in a mount namespace of its own.
    @Test(.timeLimit(.minutes(2))) func aServerOfCaches() async throws {
      try await TwoRealms.lend { realms in
        let server = try await Child.start([
          "unshare", "--mount", "--propagation", "private", "--", "sh", "-c",
          "mount -t tmpfs tmpfs /run && setpriv --pdeathsig KILL /usr/sbin/kcm -c /dev/null & "
            + "until [ -S /run/.heim_org.h5l.kcm-socket ]; do sleep 0.05; done; echo $$; wait",
        ])
        do {
          // The folder is mounted by the shell's child: it is there when its socket is.
          let line = try #require(try await server.output.next(within: .seconds(20)))
          let space = ["nsenter", "--mount", "--target", line]
          try await realms.fill("KCM:", through: space)
          try await realms.own.runGateway { gateway in
            try await realms.expectChoice("KCM:", gateway, through: "set -- \(space.joined(separator: " ")) \"$@\"; ")
          }
        } catch {
          await server.abandon()
          throw error
        }
        await server.abandon()
      }
    }

    /// A keytab with several entries: `--as` takes one that is not the first, and leaves a cache of another client alone.
    @Test(.timeLimit(.minutes(2))) func aKeytabWithSeveralClients() async throws {
      try await TwoRealms.lend { realms in
        let realm = realms.own.realm
        try await realm.addPrincipal("host/ws.test")
        let keytab = "\(realm.folder)/clients.keytab"
        for principal in ["host/ws.test", InteropRealm.user] { try await realm.exportKeytab([principal], to: keytab) }
        let taken = "FILE:\(realm.folder)/taken.ccache"
        try await realm.obtainTicket(for: "host/ws.test", keytab: keytab, cache: taken)
        let configuration = GatewayConfiguration(
          rules: [#"{allow: [connect], principals: ["*@GARTER.TEST", "*/*@GARTER.TEST"], to: [127.0.0.0/8]}"#])
        try await realms.own.runGateway(configuration) { gateway in
          for (options, cache, words) in [
            ([], "FILE:\(realm.folder)/new1.ccache", "as host/ws.test@GARTER.TEST"),
            (["--as", "alice@GARTER.TEST"], "FILE:\(realm.folder)/new2.ccache", "as alice@GARTER.TEST"),
            (["--as", "alice@GARTER.TEST"], taken, "as alice@GARTER.TEST"), ([], taken, "as host/ws.test@GARTER.TEST"),
            (["--as", "carol"], taken, "no ticket of carol@GARTER.TEST in \(taken), only of host/ws.test@GARTER.TEST"),
          ] {
            let ending = try await realms.garter(
              gateway, ["--client-keytab", keytab, "--ccache", cache] + options)
            #expect(ending.diagnostics.contains(words), "\(options) \(cache): \(ending)")
          }
        }
      }
    }

    /// Each cache that cannot be used is named.
    @Test(.timeLimit(.minutes(2))) func cachesThatCannotBeUsed() async throws {
      try await TwoRealms.lend { realms in
        let folder = realms.own.realm.folder
        try Data().write(to: URL(filePath: "\(folder)/empty.ccache"))
        try Data("text".utf8).write(to: URL(filePath: "\(folder)/text.ccache"))
        try await realms.own.runGateway { gateway in
          // For anybody's ticket, and for that of one user.
          for (cache, words) in [
            ("FILE:\(folder)/missing", "in FILE:\(folder)/missing"),
            ("DIR:\(folder)/missing", "in DIR:\(folder)/missing"),
            ("FILE:\(folder)/empty.ccache", "cannot be read: 'FILE:\(folder)/empty.ccache'"),
            ("FILE:\(folder)/text.ccache", "cannot be read: 'FILE:\(folder)/text.ccache'"),
            ("FILE:\(folder)", "cannot be read: 'FILE:\(folder)'"),
            ("KCM:", "cannot be read: 'KCM:'"), ("FOO:bar", "cannot be read: 'FOO:bar'"),
            ("KEYRING:persistent:nobody", "cannot be read: 'KEYRING:persistent:nobody'"), ("", "KRB5CCNAME"),
          ] {
            for options in [[], ["--as", "alice"]] {
              let ending = try await realms.garter(gateway, options, cache: cache)
              #expect(ending.status == .exited(77), "\(cache) \(options): \(ending)")
              #expect(
                ending.diagnostics.contains(words) || !options.isEmpty && words.contains("kinit"), "\(cache): \(ending)"
              )
            }
          }
        }
      }
    }

    /// A configuration at fault is named, with the library's words.
    @Test(
      .timeLimit(.minutes(1)),
      arguments: ["includedir /nonexistent", "include /nonexistent", "[realms", "no relation"])
    func aConfigurationAtFault(line: String) async throws {
      try await Folder.lend { folder in
        try folder.write("[libdefaults]\n  default_realm = GARTER.TEST\n\(line)\n", to: "krb5.conf")
        try await Gateway.run { gateway in
          var garter = GarterConnect(gateway: gateway.address)
          garter.environment = ["KRB5_CONFIG": folder.file("krb5.conf")]
          let ending = try await garter.run()
          #expect(ending.status == .exited(77), "\(ending)")
          #expect(
            ending.diagnostics.contains(
              "Kerberos configuration cannot be read: \(folder.file("krb5.conf")) (KRB5_CONFIG): "),
            "\(ending)")
        }
      }
    }
  }
}
