import Subprocess
import Testing

extension ProgramTests {
  /// Programs that know nothing of RFC 1961: curl and git through the bridge.
  @Suite struct OtherProgramTests {
    @Test(.timeLimit(.minutes(2)), arguments: [1, 2, 3])
    func curlFetchesAndSends(level: Int) async throws {
      try await Folder.lend { folder in
        let small = try await folder.makeRandom("small", octets: 1_000)
        let large = try await folder.makeRandom("large", octets: 64 << 20)
        try await WebServer.run(folder) { web in
          try await Gateway.run { gateway in
            try await GarterBridge.run(gateway: gateway.address, options: ["--level", "\(level)"]) { bridge in
              for (name, sum) in [("small", small), ("large", large), ("small", small)] {
                let ending = try await bridge.curl("http://\(web)/\(name)", ["--output", folder.file("got")])
                #expect(ending.status == .exited(0), "\(ending)")
                #expect(try await folder.sha256("got") == sum)
              }
              let records = try await gateway.sessions(3)
              #expect(records.allSatisfy { $0.reason == "completed" }, "\(records)")
              let words = ["integrity", "confidentiality", "selective"]
              #expect(records.allSatisfy { $0.metadata["level"] == words[level - 1] }, "\(records)")
            }
          }
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func curlHearsOfRefusals() async throws {
      try await Gateway.run { gateway in
        try await GarterBridge.run(gateway: gateway.address) { bridge in
          // 97: "Proxy handshake error"; the number is the gateway's reply.
          let refused = try await bridge.curl("http://192.0.2.1/")
          #expect(refused.status == .exited(97) && refused.diagnostics.contains("(2)"), "\(refused)")
          let closed = try await bridge.curl("http://127.0.0.1:1/")
          #expect(closed.status == .exited(97) && closed.diagnostics.contains("(5)"), "\(closed)")
          try await bridge.child.diagnostics.wait(within: .seconds(10)) { lines in
            lines.contains { $0.contains("cannot connect to 192.0.2.1:80: the gateway's rules do not allow it") }
          }
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func againstTheIndependentServer() async throws {
      let interop = try await InteropRealm.ready()
      try await Folder.lend { folder in
        let sum = try await folder.makeRandom("file", octets: 4 << 20)
        try await WebServer.run(folder) { web in
          let command =
            Programs.peer("peer_server.py") + ["--keytab", interop.keytab, "--rcache", "none:", "--control"]
          try await ListeningChild.run(command) { server in
            for level in 1...3 {
              try await GarterBridge.run(gateway: server.address, options: ["--level", "\(level)"]) { bridge in
                let ending = try await bridge.curl("http://\(web)/file", ["--output", folder.file("got")])
                #expect(ending.status == .exited(0), "\(ending)")
                #expect(try await folder.sha256("got") == sum)
                let report = try await server.report()
                #expect(report["level"]?.integer == level, "\(report)")
              }
            }
            // A fault in the middle is no end of the stream for the local program.
            _ = try await server.control(["fault": "tampered@reply"])
            try await GarterBridge.run(gateway: server.address) { bridge in
              let ending = try await bridge.curl("http://\(web)/file")
              #expect(ending.status == .exited(97) && ending.output.isEmpty, "\(ending)")
            }
          }
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func gitClones() async throws {
      try await Folder.lend { folder in
        try await Script(
          text: """
            cd "$1"
            git init --quiet work && cd work
            for number in 1 2 3; do
              head -c 1000000 /dev/urandom >"file $number"
              git add . && git -c user.name=a -c user.email=a@b.test commit --quiet --message "number $number"
            done
            cd .. && git clone --quiet --bare work served.git && git -C served.git update-server-info
            """, arguments: [folder.path], environment: Self.gitEnvironment
        ).succeed()
        try await WebServer.run(folder) { web in
          try await Gateway.run { gateway in
            try await GarterBridge.run(gateway: gateway.address) { bridge in
              let ending = try await Script(
                text: #"cd "$1" && git -c "http.proxy=$2" clone --quiet "$3" cloned && diff -r -x .git work cloned"#,
                arguments: [folder.path, "socks5h://\(bridge.address)", "http://\(web)/served.git"],
                environment: Self.gitEnvironment
              ).run()
              #expect(ending.status == .exited(0), "\(ending)")
              let records = try await gateway.sessions(1)
              #expect(records.contains { $0.metadata["bytes_down"].flatMap(Int.init) ?? 0 > 1_000_000 }, "\(records)")
            }
          }
        }
      }
    }

    /// Nothing of this machine's settings.
    private static let gitEnvironment: [String: String?] = [
      "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "no_proxy": nil, "NO_PROXY": nil,
    ]
  }
}
