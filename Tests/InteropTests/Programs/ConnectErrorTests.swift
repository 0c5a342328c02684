import Subprocess
import Testing
import ThrowawayRealm

extension ProgramTests {
  /// What `garter connect` says when it cannot connect: one line for a person, and a status for a script.
  @Suite struct ConnectErrorTests {
    @Test(.timeLimit(.minutes(1))) func tickets() async throws {
      let interop = try await InteropRealm.ready()
      try await Gateway.run { gateway in
        var garter = GarterConnect(gateway: gateway.address)
        garter.environment = ["KRB5CCNAME": "FILE:\(interop.realm.folder)/no-such-cache"]
        try await self.expect(garter, 77, "no Kerberos ticket: run kinit")
        garter.environment = [:]
        garter.options = ["--service", "nosuch"]
        try await self.expect(
          garter, 77, "Kerberos does not know the service nosuch/localhost", "try --service rcmd or --principal")
        garter.options = ["--principal", "rcmd/elsewhere.test"]
        try await self.expect(
          garter, 77, "Kerberos does not know the service rcmd/elsewhere.test", "try --service socks")
        // The realm knows it, the gateway does not serve it.
        garter.options = ["--service", "host"]
        try await self.expect(garter, 77, "refused the authentication for host/localhost")
        let record = try await gateway.sessions(4).last
        #expect(record?.reason == "service-not-served")
        #expect(record?.metadata["service_claimed"] == "host/localhost@GARTER.TEST", "\(String(describing: record))")
        #expect(record?.metadata["detail"]?.contains("kerberos.services does not name its service") == true)
      }
    }

    @Test(.timeLimit(.minutes(1))) func anExpiredTicket() async throws {
      let interop = try await InteropRealm.ready()
      let cache = "FILE:\(interop.realm.folder)/expired.ccache"
      try await interop.realm.obtainTicket(
        for: InteropRealm.user, keytab: interop.userKeytab, cache: cache, lifetime: "1s")
      // klist says when it has expired.
      try await Script(
        text: "while klist -s; do sleep 0.1; done",
        environment: interop.environment.merging(["KRB5CCNAME": cache]) { $1 }
      ).succeed()
      try await Gateway.run { gateway in
        var garter = GarterConnect(gateway: gateway.address)
        garter.environment = ["KRB5CCNAME": cache]
        try await self.expect(garter, 77, "the Kerberos ticket has expired: run kinit again")
      }
    }

    @Test(.timeLimit(.minutes(1))) func noKeyDistributionCentre() async throws {
      let interop = try await InteropRealm.ready()
      let cache = "FILE:\(interop.realm.folder)/fresh.ccache"
      try await interop.realm.obtainTicket(for: InteropRealm.user, keytab: interop.userKeytab, cache: cache)
      try await Folder.lend { folder in
        // Port 1 has no centre.
        try await Script(
          text: #"sed 's/kdc = .*/kdc = 127.0.0.1:1/' "$1" >"$2""#,
          arguments: [interop.realm.configurationPath, folder.file("krb5.conf")]
        ).succeed()
        try await Gateway.run { gateway in
          var garter = GarterConnect(gateway: gateway.address)
          garter.environment = ["KRB5_CONFIG": folder.file("krb5.conf"), "KRB5CCNAME": cache]
          try await self.expect(garter, 75, "no Kerberos server (KDC) answers")
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func gateways() async throws {
      var garter = GarterConnect(gateway: "127.0.0.1:1")
      try await self.expect(garter, 69, "cannot reach gateway localhost:1: connection refused")
      garter.gateway = "nosuch.invalid:1080"
      try await self.expect(garter, 68, "cannot find gateway nosuch.invalid:1080")
    }

    @Test(.timeLimit(.minutes(1))) func targets() async throws {
      try await Gateway.run { gateway in
        var garter = GarterConnect(gateway: gateway.address, port: 1)
        try await self.expect(garter, 69, "cannot connect to 127.0.0.1:1: the target refused the connection")
        garter.target = "::1"
        try await self.expect(garter, 69, "cannot connect to [::1]:1: the target refused the connection")
        garter.target = "192.0.2.1"
        try await self.expect(garter, 77, "cannot connect to 192.0.2.1:1: the gateway's rules do not allow it")
        // Rules by network: the name has to be looked up.
        garter.target = "nosuch.localhost.invalid"
        try await self.expect(garter, 69, "there is no such host, or it does not answer")
      }
      let open = GatewayConfiguration(rules: [#"{allow: [connect], principals: ["*@GARTER.TEST"], to: ["*"]}"#])
      try await Gateway.run(open) { gateway in
        var garter = GarterConnect(gateway: gateway.address, target: "nosuch.invalid", port: 1)
        try await self.expect(garter, 69, "cannot connect to nosuch.invalid:1: there is no such host")
        // `*` never covers it.
        garter.target = "localhost"
        try await self.expect(garter, 77, "cannot connect to localhost:1: the gateway's rules do not allow it")
      }
    }

    @Test(.timeLimit(.minutes(1))) func aLevelThatTheGatewayDoesNotAllow() async throws {
      try await ListeningChild.origin("source", octets: 10) { origin in
        try await Gateway.run(GatewayConfiguration(kerberos: ["levels: [integrity]"])) { gateway in
          for level in ["confidentiality", "selective"] {
            let garter = GarterConnect(gateway: gateway.address, port: origin.port, options: ["--level", level])
            try await self.expect(garter, 76, "refused protection level \(level)")
          }
          let garter = GarterConnect(gateway: gateway.address, port: origin.port, options: ["--level", "integrity"])
          #expect(try await garter.run().status == .exited(0))
          // Three sessions, and no second attempt of those that were refused.
          let reasons = try await gateway.sessions(3).map(\.reason)
          #expect(reasons == ["level-not-acceptable", "level-not-acceptable", "completed"])
        }
      }
    }

    @Test(
      .timeLimit(.minutes(1)),
      arguments: [["--level", "0"], ["--level", "none"], ["--timeout", "0"], ["--service", "a/b"]])
    func wrongUsage(options: [String]) async throws {
      let ending = try await GarterConnect(gateway: "127.0.0.1:1", options: options).run()
      #expect(ending.status == .exited(64) && ending.output.isEmpty, "\(ending)")
      #expect(ending.diagnostics.contains(options[0]), "\(ending)")
    }

    @Test(.timeLimit(.minutes(1))) func quietlyTheStatusAlone() async throws {
      let ending = try await GarterConnect(gateway: "127.0.0.1:1", options: ["--quiet"]).run()
      #expect(ending.status == .exited(69) && ending.output.isEmpty && ending.diagnostics.isEmpty, "\(ending)")
    }

    private func expect(
      _ garter: GarterConnect, _ status: Int32, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
      let ending = try await garter.run()
      #expect(ending.status == .exited(status), "\(ending)", sourceLocation: sourceLocation)
      #expect(ending.output.isEmpty, "\(ending)", sourceLocation: sourceLocation)
      #expect(
        ending.complaints.count == 1 && ending.diagnostics.hasPrefix("garter: "), "\(ending)",
        sourceLocation: sourceLocation)
      for some in words {
        #expect(ending.diagnostics.contains(some), "\(ending)", sourceLocation: sourceLocation)
      }
    }
  }
}
