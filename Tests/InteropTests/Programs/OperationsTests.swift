import Subprocess
import Testing
import ThrowawayRealm

extension ProgramTests {
  /// `garterd run` over the days of an operator.
  @Suite struct OperationsTests {
    @Test(.timeLimit(.minutes(1))) func theFirstLineSaysWhatIsServed() async throws {
      let configuration = GatewayConfiguration(
        listen: ["127.0.0.1:0", "[::1]:0"], kerberos: ["levels: [confidentiality, integrity]"])
      try await Gateway.run(configuration) { gateway in
        #expect(gateway.addresses.count == 2)
        #expect(gateway.addresses[0].hasPrefix("127.0.0.1:") && gateway.addresses[1].hasPrefix("[::1]:"))
        let lines = await gateway.child.diagnostics.all
        let line = try #require(lines.map(LogLine.init).first { $0.message == "listening" })
        #expect(line.metadata["principals"] == "socks/localhost@GARTER.TEST rcmd/localhost@GARTER.TEST")
        #expect(line.metadata["levels"] == "confidentiality integrity")
        #expect(await gateway.child.output.all.isEmpty)
      }
    }

    @Test(.timeLimit(.minutes(1))) func aNewKeyWorksWithoutARestart() async throws {
      try await ListeningChild.origin("source", octets: 10) { origin in
        try await OwnRealm.lend { own in
          try await own.runGateway { gateway in
            var before = GarterConnect(gateway: gateway.address, port: origin.port)
            before.environment = try await own.ticket()
            #expect(try await before.run().status == .exited(0))
            try await own.realm.changeKey(of: OwnRealm.service, keepOld: false)
            var after = before
            after.environment = try await own.ticket()
            // The keytab does not have the new key yet.
            let refused = try await after.run()
            #expect(refused.status == .exited(77), "\(refused)")
            #expect(refused.diagnostics.contains("its key may be out of date"), "\(refused)")
            try await own.realm.exportKeytab([OwnRealm.service], to: own.keytab)
            let taken = try await after.run()
            #expect(taken.status == .exited(0), "\(taken)")
            // Tickets for the old key are good until they expire.
            let old = try await before.run()
            #expect(old.status == .exited(0), "\(old)")
          }
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func sessionsWhoseTicketExpires() async throws {
      let skew = "clock_skew: 5s"
      try await ListeningChild.origin("echo") { origin in
        try await OwnRealm.lend(libraryDefaults: ["clockskew": "5"]) { own in
          try await own.runGateway(GatewayConfiguration(kerberos: [skew, "expired: close"])) { closing in
            try await own.runGateway(GatewayConfiguration(kerberos: [skew, "expired: log"])) { logging in
              let start = ContinuousClock.now
              let environment = try await own.ticket(lifetime: "6s")
              let expiry = start + .seconds(6)
              let cut = try await self.session(closing, origin, environment)
              let kept = try await self.session(logging, origin, environment)
              try await expectEcho("one", cut)
              try await expectEcho("one", kept)
              #expect(try await cut.ended(within: .seconds(20)) == .exited(74))
              let difference = ContinuousClock.now - expiry
              #expect((.seconds(-2)...(.seconds(2))).contains(difference), "\(difference)")
              let record = try await closing.sessions(1)[0]
              #expect(record.reason == "ticket-expired", "\(record)")
              // Past the expiry in any case.
              try await Task.sleep(until: expiry + .seconds(2), clock: .continuous)
              try await expectEcho("two", kept)
              kept.endInput()
              #expect(try await kept.ended(within: .seconds(20)) == .exited(0))
              let noted = try await logging.sessions(1)[0]
              #expect(noted.reason == "completed", "\(noted)")
              #expect(noted.metadata["ticket"] == "expired during the session", "\(noted)")
            }
          }
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func theStopLetsTransfersFinish() async throws {
      let octets = 24 << 20
      try await ListeningChild.origin("source", octets: octets) { origin in
        try await Folder.lend { folder in
          let gateway = try await Gateway.start(GatewayConfiguration(timeouts: ["drain: 30s"]))
          let sum = try await SeededOctets.sha256(octets)
          var readers: [Child] = []
          for name in ["a", "b", "c"] {
            let reader = try await self.haltingReader(gateway, origin, to: folder.file(name))
            #expect(try await reader.diagnostics.next(within: .seconds(20)) == "started")
            readers.append(reader)
          }
          gateway.child.signal(.terminate)
          try await expectRefused(gateway.address)
          for reader in readers { reader.send("go on") }
          for (reader, name) in zip(readers, ["a", "b", "c"]) {
            #expect(try await reader.diagnostics.next(within: .seconds(20)) == "status 0")
            #expect(try await reader.ended(within: .seconds(20)) == .exited(0))
            #expect(try await folder.sha256(name) == sum)
          }
          #expect(try await gateway.child.ended(within: .seconds(10)) == .exited(0))
          #expect(try await gateway.sessions(3).allSatisfy { $0.reason == "completed" })
        }
      }
    }

    /// Reads a little, and the rest when it gets a line.
    private func haltingReader(_ gateway: Gateway, _ origin: ListeningChild, to file: String) async throws -> Child {
      let script = """
        file=$1; shift
        exec 3<&0
        { "$@" </dev/null; echo "status $?" >&2; } | {
          dd bs=1000 count=1 iflag=fullblock status=none; echo started >&2; read line <&3; cat
        } >"$file"
        """
      let interop = try await InteropRealm.ready()
      return try await Child.start(
        ["sh", "-c", script, "sh", file] + self.command(gateway, origin), environment: interop.environment)
    }

    @Test(.timeLimit(.minutes(1))) func theStopWaitsNoLongerThanItsLimit() async throws {
      try await ListeningChild.origin("echo") { origin in
        let gateway = try await Gateway.start(GatewayConfiguration(timeouts: ["drain: 1s"]))
        let session = try await self.session(gateway, origin)
        try await expectEcho("one", session)
        let start = ContinuousClock.now
        gateway.child.signal(.terminate)
        try await expectRefused(gateway.address)
        #expect(try await gateway.child.ended(within: .seconds(20)) == .exited(0))
        #expect((.milliseconds(900)...(.seconds(3))).contains(ContinuousClock.now - start))
        #expect(try await session.ended(within: .seconds(20)) == .exited(74))
        let record = try await gateway.sessions(1)[0]
        #expect(record.metadata["detail"] == "the gateway has stopped", "\(record)")
      }
    }

    @Test(.timeLimit(.minutes(1))) func theCapOnConnections() async throws {
      try await ListeningChild.origin("echo") { origin in
        try await Gateway.run(GatewayConfiguration(limits: ["connections: 2"])) { gateway in
          let first = try await self.session(gateway, origin)
          try await expectEcho("one", first)
          let second = try await self.session(gateway, origin)
          try await expectEcho("one", second)
          // The third waits in the system's queue.
          let third = GarterConnect(gateway: gateway.address, port: origin.port, options: ["--timeout", "1"])
          let late = try await third.run()
          #expect(late.status == .exited(75), "\(late)")
          first.endInput()
          #expect(try await first.ended(within: .seconds(20)) == .exited(0))
          let fourth = try await self.session(gateway, origin)
          try await expectEcho("one", fourth)
          for session in [second, fourth] {
            session.endInput()
            #expect(try await session.ended(within: .seconds(20)) == .exited(0))
          }
        }
      }
    }

    /// `garter connect` that stays.
    private func session(
      _ gateway: Gateway, _ origin: ListeningChild, _ environment: [String: String?] = [:]
    ) async throws -> Child {
      let interop = try await InteropRealm.ready()
      return try await Child.start(
        self.command(gateway, origin), environment: interop.environment.merging(environment) { $1 })
    }

    private func command(_ gateway: Gateway, _ origin: ListeningChild) throws -> [String] {
      let port = gateway.address.drop { $0 != ":" }.dropFirst()
      return [try Programs.garter(), "connect", "--gateway", "localhost:\(port)", "127.0.0.1", "\(origin.port)"]
    }
  }
}
