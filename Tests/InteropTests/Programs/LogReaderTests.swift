import FoundationEssentials
import Platform
import Subprocess
import Testing
import ThrowawayRealm

extension ProgramTests {
  /// Nothing that becomes of the log's reader stops anything.
  @Suite struct LogReaderTests {
    /// Clients that prove nothing may ask, and are refused by the rules.
    private static var configuration: GatewayConfiguration {
      GatewayConfiguration(listener: ["methods: [gssapi, none]"], timeouts: ["drain: 1s"])
    }

    /// More records than the pipe takes. With GARTER_FULL_TESTS more than the queue takes.
    private static let strangers = Environment.get("GARTER_FULL_TESTS") == nil ? 1_000 : 20_000

    @Test(.timeLimit(.minutes(5)), arguments: LoggedGateway.Log.allCases)
    func sessionsAreServedAndRelaysGoOn(log: LoggedGateway.Log) async throws {
      try await ListeningChild.origin("echo") { origin in
        try await LoggedGateway.lend(log, Self.configuration) { gateway in
          let relay = try await self.session(gateway.address, origin)
          try await expectEcho("before", relay)
          #expect(
            try await RefusedStrangers.run(Self.strangers, gateway: gateway.address, seconds: 240) == Self.strangers)
          let user = try await GarterConnect(gateway: gateway.address, port: origin.port).run()
          #expect(user.status == .exited(0), "\(user)")
          try await expectEcho("after", relay)
          let start = ContinuousClock.now
          gateway.child.signal(.terminate)
          #expect(try await gateway.child.ended(within: .seconds(20)) == .exited(0))
          // The drain, and what is left for the log.
          #expect(ContinuousClock.now - start < .seconds(3))
          _ = try await relay.ended(within: .seconds(20))
        }
      }
    }

    @Test(.timeLimit(.minutes(5))) func aReaderThatGoesOnLearnsHowMuchItHasMissed() async throws {
      try await ListeningChild.origin("echo") { origin in
        try await LoggedGateway.lend(.stoppedReader, Self.configuration) { gateway in
          #expect(
            try await RefusedStrangers.run(Self.strangers, gateway: gateway.address, seconds: 240) == Self.strangers)
          for _ in 0..<3 {
            let user = try await GarterConnect(gateway: gateway.address, port: origin.port).run()
            #expect(user.status == .exited(0), "\(user)")
          }
          try await gateway.resumeReader()
          let lines = try await gateway.lines { lines in
            Self.strangers - Self.records(lines, of: "unauthenticated") == Self.lost(lines)
              && Self.records(lines, of: "alice@GARTER.TEST") == 3
          }
          // What is said before the log begins is for people.
          let odd = lines.map(\.description).drop { LogLine($0).message.isEmpty }.filter { LogLine($0).message.isEmpty }
          #expect(odd == [])
          if Self.strangers > 10_000 { #expect(Self.lost(lines) > 0) }
          gateway.child.signal(.terminate)
          #expect(try await gateway.child.ended(within: .seconds(20)) == .exited(0))
          let end = try await gateway.lines { $0.last?.message == "stopped" }
          #expect(Self.lost(end) == Self.lost(lines))
        }
      }
    }

    private static func records(_ lines: [LogLine], of principal: String) -> Int {
      lines.count { $0.message == "session ended" && $0.metadata["principal"] == principal }
    }

    private static func lost(_ lines: [LogLine]) -> Int {
      lines.reduce(0) { sum, line in
        guard line.message == "log lines lost" else { return sum }
        #expect(line.metadata["reserved"] == "0")
        return sum + (line.metadata["ordinary"].flatMap { Int($0) } ?? 0)
      }
    }

    @Test(.timeLimit(.minutes(1))) func theBridgeServesWithoutAReader() async throws {
      try await Folder.lend { folder in
        try folder.write("page", to: "page")
        try await WebServer.run(folder) { web in
          try await Gateway.run { gateway in
            let port = try await FreePort.find()
            let interop = try await InteropRealm.ready()
            // Nobody ever reads the FIFO; requests for a closed port make a line each.
            let script = #"fifo=$1; shift; mkfifo "$fifo"; exec 9<>"$fifo"; exec "$@" 2>&9"#
            let child = try await Child.start(
              ["sh", "-c", script, "sh", folder.file("log"), try Programs.garter(), "bridge", "--verbose"]
                + ["--gateway", "localhost:\(gateway.address.drop { $0 != ":" }.dropFirst())"]
                + ["--listen", "127.0.0.1:\(port)", "--drain", "1"] + Programs.engineOptions,
              environment: interop.environment)
            let bridge = GarterBridge(child: child, address: "127.0.0.1:\(port)")
            // 600 lines of some 150 bytes are more than the FIFO takes.
            let requests = #"for i in $(seq 300); do printf 'url = "%s"\noutput = "/dev/null"\n' "$1"; done"#
            let crowd = try await Script(
              text: requests
                + #" | curl --silent --retry 20 --retry-connrefused --retry-delay 1 --config - --proxy "$2""#,
              arguments: ["http://\(web)/page", "socks5h://\(bridge.address)"]
            ).run()
            #expect(crowd.status == .exited(0), "\(crowd)")
            let page = try await bridge.curl("http://\(web)/page")
            #expect(page.text == "page", "\(page)")
            let start = ContinuousClock.now
            child.signal(.terminate)
            #expect(try await child.ended(within: .seconds(20)) == .exited(0))
            #expect(ContinuousClock.now - start < .seconds(4))
          }
        }
      }
    }

    // MARK: What the lines are

    @Test(.timeLimit(.minutes(1))) func everyLineIsJSON() async throws {
      let configuration = GatewayConfiguration(
        limits: ["unauthenticated_per_address: 2000"], sections: ["log: {format: json}"])
      try await ListeningChild.origin("echo") { origin in
        let interop = try await InteropRealm.ready()
        try await Folder.lend { folder in
          let text = configuration.text(keytab: interop.keytab, replayCache: folder.file("replay"))
          try folder.write(text, to: "garterd.yaml")
          for options in [[], ["--log-format", "json"], ["--log-format", "text"]] {
            let child = try await Child.start(
              [try Programs.garterd(), "run", "--config", folder.file("garterd.yaml")] + options,
              environment: interop.realm.environment.mapValues { $0 })
            // The configuration is one that is warned of.
            _ = try await child.diagnostics.first(within: .seconds(20)) { $0.contains("listening") }
            child.signal(.terminalClosed)
            _ = try await child.diagnostics.first(within: .seconds(20)) { $0.contains("nothing was reloaded") }
            child.signal(.terminate)
            #expect(try await child.ended(within: .seconds(20)) == .exited(0))
            let lines = await child.diagnostics.all
            #expect(lines.count >= 5)
            if options.last == "text" {
              // A warning of too few descriptors depends on the machine.
              let messages = lines.map { LogLine($0).message }.filter { !$0.isEmpty && $0 != "too few descriptors" }
              #expect(messages.count == 4, "\(lines)")
            } else {
              for line in lines {
                let value = try JSONValue(parsing: line)
                #expect(value["level"]?.text != nil && value["label"] == "garterd" && value["message"]?.text != nil)
                #expect(value["timestamp"]?.text?.hasSuffix("Z") == true && value["metadata"]?.fields != nil)
              }
            }
          }
          let wrong = try await Script(
            text: #"exec "$@" --log-format xml"#,
            arguments: [try Programs.garterd(), "run", "--config", folder.file("garterd.yaml")]
          ).run()
          #expect(wrong.status == .exited(64) && wrong.diagnostics.contains("'text' or 'json'"), "\(wrong)")
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func theBridgeLogsJSON() async throws {
      let interop = try await InteropRealm.ready()
      let child = try await Child.start(
        [
          try Programs.garter(), "bridge", "--gateway", "localhost:1", "--listen", "127.0.0.1:0", "--log-format",
          "json",
        ],
        environment: interop.environment)
      let line = try #require(try await child.diagnostics.next(within: .seconds(20)))
      let message = try #require(try JSONValue(parsing: line)["message"]?.text)
      #expect(message.hasPrefix("listening on 127.0.0.1:"))
      let address = message.dropFirst("listening on ".count).prefix { $0 != "," }
      // A request that the bridge cannot carry out.
      _ = try await Script(
        text: #"exec curl --silent --proxy "socks5h://$1" http://x.invalid/"#, arguments: [String(address)]
      ).run()
      let error = try #require(try await child.diagnostics.next(within: .seconds(20)))
      #expect(try JSONValue(parsing: error)["level"] == "error", "\(error)")
      child.signal(.terminate)
      #expect(try await child.ended(within: .seconds(20)) == .exited(0))
    }

    /// The server's name in a ticket is not encrypted: anybody may write fields of a log there, and libkrb5 quotes it.
    @Test(.timeLimit(.minutes(1))) func namesInTicketsAreNoFields() async throws {
      let program = """
        import gssapi, socket, struct, sys
        name = gssapi.Name("socks@localhost", gssapi.NameType.hostbased_service)
        token = gssapi.SecurityContext(name=name, usage="initiate").step()
        forged = token.replace(b"localhost", b"x rule=x ").replace(b"localhost", b"y x=y\\n\\"\\\\ ")
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5) as s:
            s.sendall(b"\\5\\1\\1" + b"\\1\\1" + struct.pack(">H", len(forged)) + forged)
            while s.recv(64): pass
        """
      try await Gateway.run { gateway in
        let interop = try await InteropRealm.ready()
        let port = String(gateway.address.drop { $0 != ":" }.dropFirst())
        try await Script(
          text: #"exec /usr/bin/python3 -c "$@""#, arguments: [program, port], environment: interop.environment
        ).succeed()
        let record = try #require(try await gateway.sessions(1).first)
        #expect(record.metadata["detail"]?.contains("x rule=x ") == true, "\(record)")
        #expect(record.metadata["rule"] == nil && record.reason != nil, "\(record)")
      }
    }

    /// `garter connect` that stays.
    private func session(_ gateway: String, _ origin: ListeningChild) async throws -> Child {
      let interop = try await InteropRealm.ready()
      let port = gateway.drop { $0 != ":" }.dropFirst()
      return try await Child.start(
        [try Programs.garter(), "connect", "--gateway", "localhost:\(port)", "127.0.0.1", "\(origin.port)"],
        environment: interop.environment)
    }
  }
}
