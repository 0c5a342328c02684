import Subprocess
import Testing
import ThrowawayRealm

extension ProgramTests {
  /// The client insists on the gateway that was named, whatever DNS, `krb5.conf` and a ticket cache say.
  @Suite struct NamedGatewayTests {
    /// The offer of GSS-API, and nothing behind it.
    private static let greeting = "050101"

    /// Each way to resolve names, with caches that other programs have filled in each way.
    @Test(.timeLimit(.minutes(5))) func dnsDoesNotChooseTheHost() async throws {
      try await NamedGateway.lend { named in
        try await named.own.runGateway { gateway in
          try await named.recordingServer { recorder in
            for filler in NamedGateway.resolutions {
              var environment = try await named.own.ticket()
              environment["KRB5_CONFIG"] = named.configuration(filler)
              try await named.fillCache(["gw.test", "alias.test"], environment: environment)
              for resolution in NamedGateway.resolutions {
                environment["KRB5_CONFIG"] = named.configuration(resolution)
                // The name's own principal: nodes behind one name share it, whatever they are called themselves.
                let good = try await named.garter("gw.test", port: gateway.port, environment: environment)
                #expect(good.diagnostics.contains("to socks/gw.test@GARTER.TEST"), "\(filler) \(resolution): \(good)")
                let bad = try await named.garter("alias.test", port: recorder.port, environment: environment)
                #expect(bad.status == .exited(77), "\(filler) \(resolution): \(bad)")
                #expect(
                  bad.diagnostics.contains("confirms") && bad.diagnostics.contains("--principal socks/evil.test"),
                  "\(filler) \(resolution): \(bad)")
                #expect(try await recorder.report()["received"]?.text == Self.greeting)
              }
            }
          }
        }
      }
    }

    /// A cache that holds another host's ticket under the gateway's name: the library takes it, and reports the name.
    @Test(.timeLimit(.minutes(2)), arguments: ["real.test", "lost.test"])
    func aTicketUnderAFalseNameIsNotSent(host: String) async throws {
      try await NamedGateway.lend { named in
        var environment = try await named.own.ticket()
        try await named.own.realm.run(
          ["kvno", "-q", "socks/evil.test"], environment: environment.compactMapValues { $0 })
        // The names have equally many bytes. The first is the entry's, the next one the ticket's.
        let program = """
          import sys
          data = open(sys.argv[1], "rb").read()
          assert data.count(b"evil.test") == 2
          open(sys.argv[1], "wb").write(data.replace(b"evil.test", sys.argv[2].encode(), 1))
          """
        let cache = try #require(environment["KRB5CCNAME"]??.dropFirst("FILE:".count))
        try await Script(
          text: #"exec /usr/bin/python3 -c "$@""#, arguments: [program, String(cache), host]
        ).succeed()
        try await named.recordingServer { recorder in
          for configuration in NamedGateway.resolutions.map(named.configuration) {
            environment["KRB5_CONFIG"] = configuration
            let ending = try await named.garter(host, port: recorder.port, environment: environment)
            #expect(ending.status == .exited(77), "\(ending)")
            for words in ["the ticket is for socks/evil.test@GARTER.TEST", "no ticket was sent", "kdestroy"] {
              #expect(ending.diagnostics.contains(words), "\(ending)")
            }
            #expect(ending.diagnostics.contains("--principal") == (host == "lost.test"), "\(ending)")
            #expect(try await recorder.report()["received"]?.text == Self.greeting)
          }
        }
      }
    }

    /// A realm that nothing in `krb5.conf` names: DNS is asked for it with `--trust-dns` only.
    @Test(.timeLimit(.minutes(2))) func dnsDoesNotChooseTheRealm() async throws {
      try await NamedGateway.lend { named in
        try await named.resolver { resolver, nameserver in
          var environment = try await named.own.ticket()
          environment["KRB5_CONFIG"] = try await named.configurationWithRealmsOfDNS()
          // A name that the KDC does not know: there the library would guess.
          for (options, isAsked) in [([], false), (["--trust-dns"], true)] as [([String], Bool)] {
            let ending = try await named.garter(
              "nomap.example", port: "\(resolver.port)", options: options, environment: environment,
              nameserver: nameserver)
            #expect(ending.status == .exited(77), "\(options): \(ending)")
            #expect(ending.diagnostics.contains("does not know"), "\(options): \(ending)")
            let queries = try await resolver.control(["queries": true])["queries"]?.list?.compactMap(\.text) ?? []
            #expect(queries.contains("_kerberos.nomap.example") == isAsked, "\(options): \(queries)")
          }
        }
      }
    }

    /// With `--trust-dns` it is as `krb5.conf` says; `--principal` is exact.
    @Test(.timeLimit(.minutes(2))) func trustIsGivenByOptions() async throws {
      try await NamedGateway.lend { named in
        try await named.own.realm.exportKeytab(["socks/evil.test"], to: named.own.keytab)
        try await named.own.runGateway { gateway in
          var environment = try await named.own.ticket()
          let canonical = NamedGateway.Resolution(canonicalize: "true", reverse: "false")
          environment["KRB5_CONFIG"] = named.configuration(canonical)
          for (host, options, words) in [
            ("alias.test", ["--trust-dns"], "to socks/evil.test@GARTER.TEST"),
            ("gw.test", ["--trust-dns"], "to socks/evil.test@GARTER.TEST"),
            ("alias.test", ["--principal", "socks/evil.test@GARTER.TEST"], "to socks/evil.test@GARTER.TEST"),
            ("alias.test", ["--principal", "socks/gw.test"], "to socks/gw.test@GARTER.TEST"),
            ("GW.Test", [], "to socks/gw.test@GARTER.TEST"),
          ] {
            let ending = try await named.garter(host, port: gateway.port, options: options, environment: environment)
            #expect(ending.diagnostics.contains(words), "\(host) \(options): \(ending)")
          }
          for (host, options, words) in [
            ("short", [], "--principal socks/evil.test@GARTER.TEST, or --trust-dns"),
            // By the name of the address.
            ("127.0.0.1", [], "--principal socks/evil.test@GARTER.TEST, or --trust-dns"),
            ("gw.test", ["--principal", "alice@GARTER.TEST"], "--as takes yours"),
          ] {
            let ending = try await named.garter(host, port: gateway.port, options: options, environment: environment)
            #expect(ending.status == .exited(77), "\(host) \(options): \(ending)")
            #expect(ending.diagnostics.contains(words), "\(host) \(options): \(ending)")
          }
        }
      }
    }
  }
}

extension Gateway {
  var port: Substring { self.address.drop { $0 != ":" }.dropFirst() }
}

extension NamedGateway {
  func garter(
    _ host: String, port: Int, environment: [String: String?]
  ) async throws -> Script.Ending {
    try await self.garter(host, port: "\(port)", environment: environment)
  }
}
