import Subprocess
import Testing

extension ProgramTests {
  /// OpenSSH with `garter connect` as its ProxyCommand, to a server of the test's own.
  @Suite struct SSHTests {
    @Test(.timeLimit(.minutes(3))) func sshAndScp() async throws {
      try await Folder.lend { folder in
        try await self.withServer(folder) { port in
          let levels = ["confidentiality", "selective", "integrity"]
          try await Gateway.run { gateway in
            let options = try self.options(folder, gateway: gateway, level: "confidentiality")
            for level in levels {
              let ending = try await self.run(
                folder,
                ["ssh"] + self.options(folder, gateway: gateway, level: level)
                  + ["-p", "\(port)", "127.0.0.1", "echo $((6*7)); cat; exit 3"], input: "some input")
              #expect(ending.status == .exited(3) && ending.text == "42\nsome input", "\(ending)")
            }
            let sum = try await folder.makeRandom("large", octets: 256 << 20)
            let copied = try await self.run(
              folder,
              ["scp", "-q"] + options + ["-P", "\(port)", folder.file("large"), "127.0.0.1:\(folder.file("copy"))"])
            #expect(copied.status == .exited(0), "\(copied)")
            #expect(try await folder.sha256("copy") == sum)
            let records = try await gateway.sessions(levels.count + 1)
            #expect(records.map { $0.metadata["level"] } == levels + ["confidentiality"], "\(records)")
            // At its end ssh hangs up on its ProxyCommand.
            #expect(records.allSatisfy { ["completed", "connection-closed"].contains($0.reason) }, "\(records)")
          }
        }
      }
    }

    private func withServer(_ folder: Folder, _ body: (Int) async throws -> Void) async throws {
      try await Script(
        text: """
          cd "$1" && chmod 700 . && mkdir -p /run/sshd
          ssh-keygen -q -t ed25519 -N '' -f host && ssh-keygen -q -t ed25519 -N '' -f user
          cp user.pub authorized
          """, arguments: [folder.path]
      ).succeed()
      // sshd cannot be told to choose a port: a free one is tried until it can be listened on.
      for _ in 0..<10 {
        let port = Int.random(in: 20_000..<32_000)
        try folder.write(
          """
          Port \(port)
          ListenAddress 127.0.0.1
          HostKey \(folder.file("host"))
          AuthorizedKeysFile \(folder.file("authorized"))
          PidFile none
          StrictModes no
          UsePAM no
          PasswordAuthentication no
          PermitRootLogin prohibit-password
          Subsystem sftp internal-sftp

          """, to: "sshd_config")
        let child = try await Child.start(
          [
            "sh", "-c", #"exec "$(PATH=$PATH:/usr/sbin command -v sshd)" -D -e -f "$1""#, "sh",
            folder.file("sshd_config"),
          ])
        let line = try await child.diagnostics.first(within: .seconds(20)) {
          $0.contains("Server listening") || $0.contains("Bind to port")
        }
        guard line?.contains("Server listening") == true else {
          await child.abandon()
          continue
        }
        do {
          try await body(port)
        } catch {
          await child.abandon()
          throw error
        }
        await child.abandon()
        return
      }
      throw NoPortError()
    }

    private struct NoPortError: Error {}

    private func options(_ folder: Folder, gateway: Gateway, level: String) throws -> [String] {
      let port = gateway.address.drop { $0 != ":" }.dropFirst()
      let garter = "\(try Programs.garter()) connect --level \(level) --gateway localhost:\(port) %h %p"
      return [
        "-F", "none", "-i", folder.file("user"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
        "-o", "UserKnownHostsFile=\(folder.file("known"))", "-o", "StrictHostKeyChecking=accept-new",
        "-o", "ProxyCommand=\(garter)",
      ]
    }

    private func run(_ folder: Folder, _ command: [String], input: String = "") async throws -> Script.Ending {
      try folder.write(input, to: "input")
      let interop = try await InteropRealm.ready()
      return try await Script(
        text: #"exec "$@" <"$INPUT""#, arguments: command,
        environment: interop.environment.merging(["INPUT": folder.file("input")]) { $1 }, seconds: 120
      ).run()
    }
  }
}
