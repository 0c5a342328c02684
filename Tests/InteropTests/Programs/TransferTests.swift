import Subprocess
import Testing

extension ProgramTests {
  /// Octets that `garter connect` carries, and how its streams end.
  @Suite struct TransferTests {
    /// One octet; as much as fits one message, one octet more, a power of two; and more than anybody holds back.
    private static let sizes = [1, 65_475, 65_476, 65_536, 8 << 20]

    @Test(.timeLimit(.minutes(1)), arguments: [1, 2, 3], Self.sizes)
    func againstTheIndependentServer(level: Int, octets: Int) async throws {
      let interop = try await InteropRealm.ready()
      try await ListeningChild.origin("duplex", octets: octets) { origin in
        let command = Programs.peer("peer_server.py") + ["--keytab", interop.keytab, "--rcache", "none:"]
        try await ListeningChild.run(command) { server in
          try await self.bothWays(octets, gateway: server.address, origin: origin, level: level)
          let report = try await server.report()
          #expect(report["level_asked"]?.integer == level && report["level"]?.integer == level, "\(report)")
          #expect(report["reason"] == "end", "\(report)")
          #expect(report["received"]?["sealed"] == (level == 1 ? "none" : "all"), "\(report)")
        }
      }
    }

    @Test(.timeLimit(.minutes(5)), arguments: [1, 2, 3], Self.sizes + [1 << 30])
    func bothWaysAtOnceThroughGarterd(level: Int, octets: Int) async throws {
      try await ListeningChild.origin("duplex", octets: octets) { origin in
        try await Gateway.run { gateway in
          try await self.bothWays(octets, gateway: gateway.address, origin: origin, level: level)
          let record = try await gateway.sessions(1)[0]
          #expect(record.reason == "completed", "\(record)")
          #expect(
            record.metadata["bytes_up"] == "\(octets)" && record.metadata["bytes_down"] == "\(octets)", "\(record)")
          #expect(record.metadata["principal"] == "alice@GARTER.TEST", "\(record)")
        }
      }
    }

    private func bothWays(_ octets: Int, gateway: String, origin: ListeningChild, level: Int) async throws {
      try await Folder.lend { folder in
        let sent = try await folder.makeRandom("in", octets: octets)
        var garter = GarterConnect(gateway: gateway, port: origin.port, options: ["--level", "\(level)"])
        garter.environment = ["IN": folder.file("in"), "OUT": folder.file("out")]
        garter.script = #""$@" <"$IN" >"$OUT""#
        let ending = try await garter.run()
        #expect(ending.status == .exited(0) && ending.diagnostics.isEmpty, "\(ending)")
        let report = try await origin.report()
        #expect(report["received_sha256"]?.text == sent, "\(report)")
        #expect(report["end"] == "fin", "\(report)")
        #expect(try await folder.sha256("out") == SeededOctets.sha256(octets))
      }
    }

    /// What the standard streams may be; `$IN` is a file, `$OUT` another. Each must carry the same octets.
    @Test(
      .timeLimit(.minutes(1)),
      arguments: [
        #""$@" <"$IN" >"$OUT""#,
        #"cat "$IN" | "$@" | cat >"$OUT""#,
        // In small pieces, with a slow reader.
        #"dd if="$IN" bs=777 status=none | "$@" | dd of="$OUT" bs=1000 iflag=fullblock status=none"#,
        // The same file description for both directions, as a terminal would be.
        #"/usr/bin/python3 -c "$SOCKET" "$@""#,
      ])
    func standardStreamsOfAllKinds(script: String) async throws {
      try await ListeningChild.origin("echo") { origin in
        try await Gateway.run { gateway in
          try await Folder.lend { folder in
            let sent = try await folder.makeRandom("in", octets: 1_000_003)
            var garter = GarterConnect(gateway: gateway.address, port: origin.port)
            garter.environment = ["IN": folder.file("in"), "OUT": folder.file("out"), "SOCKET": Self.socket]
            garter.script = script
            let ending = try await garter.run()
            #expect(ending.status == .exited(0) && ending.diagnostics.isEmpty, "\(ending)")
            #expect(try await folder.sha256("out") == sent)
          }
        }
      }
    }

    /// Runs a program with one socket as both of its streams, as some programs do with their ProxyCommand.
    private static let socket = """
      import os, socket, subprocess, sys, threading
      ours, theirs = socket.socketpair()
      child = subprocess.Popen(sys.argv[1:], stdin=theirs, stdout=theirs)
      theirs.close()
      def send():
          ours.sendall(open(os.environ["IN"], "rb").read())
          ours.shutdown(socket.SHUT_WR)
      threading.Thread(target=send).start()
      with open(os.environ["OUT"], "wb") as out:
          while octets := ours.recv(65536):
              out.write(octets)
      sys.exit(child.wait())
      """

    @Test(.timeLimit(.minutes(1))) func nothingToSendAndNobodyToReadIt() async throws {
      try await ListeningChild.origin("source", octets: 1 << 20) { origin in
        try await Gateway.run { gateway in
          var garter = GarterConnect(gateway: gateway.address, port: origin.port)
          garter.script = #""$@" </dev/null >/dev/null"#
          let ending = try await garter.run()
          #expect(ending.status == .exited(0) && ending.diagnostics.isEmpty, "\(ending)")
          #expect(try await origin.report()["sent"] == 1_048_576)
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func theEndOfTheInputIsPassedOnAndReadingGoesOn() async throws {
      try await ListeningChild.origin("sink") { origin in
        try await Gateway.run { gateway in
          var garter = GarterConnect(gateway: gateway.address, port: origin.port)
          garter.script = #"printf garter | "$@""#
          let ending = try await garter.run()
          #expect(ending.status == .exited(0) && ending.diagnostics.isEmpty, "\(ending)")
          // The sink answers when its input has ended.
          #expect(try JSONValue(parsing: ending.text)["octets"] == 6)
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func theEndOfTheTargetsStreamIsPassedOnAndSendingGoesOn() async throws {
      try await ListeningChild.origin("source", octets: 100_000) { origin in
        try await Gateway.run { gateway in
          try await Folder.lend { folder in
            var garter = GarterConnect(gateway: gateway.address, port: origin.port)
            garter.environment = ["FOLDER": folder.path]
            // The reader sees the end of the output before a first octet is written to the input.
            garter.script = """
              cd "$FOLDER" && mkfifo in out
              "$@" <in >out &
              exec 3>in
              cat out >received
              printf 'after the end' >&3
              exec 3>&-
              wait $!
              """
            let ending = try await garter.run()
            #expect(ending.status == .exited(0) && ending.diagnostics.isEmpty, "\(ending)")
            let report = try await origin.report()
            #expect(report["received"] == 13 && report["end"] == "fin", "\(report)")
            #expect(try await folder.sha256("received") == SeededOctets.sha256(100_000))
          }
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func aReaderThatGoesAwayIsAnError() async throws {
      try await ListeningChild.origin("source", octets: 64 << 20) { origin in
        try await Gateway.run { gateway in
          var garter = GarterConnect(gateway: gateway.address, port: origin.port)
          garter.script = #"{ "$@" </dev/null; echo "status $?" >&2; } | head -c 10 >/dev/null"#
          let ending = try await garter.run()
          #expect(ending.complaints.last == "status 74", "\(ending)")
          #expect(ending.complaints.count == 2, "\(ending)")
          #expect(ending.diagnostics.contains("cannot write to standard output"), "\(ending)")
        }
      }
    }
  }
}
