import FoundationEssentials
import Platform
import Subprocess
import Testing

extension ProgramTests {
  /// FTP in its active mode, which is what BIND is for: the server connects to the client. vsftpd, and tnftp with the SOCKS
  /// client of Dante's under it, which knows nothing of RFC 1961.
  @Suite struct ActiveFTPTests {
    private static let client = """
      SOCKS_CONF="$4/dante.conf" socksify tnftp -A -n 127.0.0.1 "$2" <<END
      user anonymous nobody
      binary
      get file $4/got
      ls .
      get file $4/again
      quit
      END
      """

    @Test(.timeLimit(.minutes(1)), arguments: [1, 2, 3])
    func throughTheBridge(level: Int) async throws {
      try await Self.server { folder, port in
        let rules = [#"{allow: [connect, bind], principals: ["alice@GARTER.TEST"], to: [127.0.0.0/8]}"#]
        try await Gateway.run(GatewayConfiguration(rules: rules)) { gateway in
          try await GarterBridge.run(gateway: gateway.address, options: ["--level", "\(level)"]) { bridge in
            let script = SOCKSProgram.danteConfiguration(method: "none") + Self.client
            let bridgePort = String(bridge.address.split(separator: ":").last ?? "")
            let ending = try await Script(
              text: script, arguments: [bridgePort, "\(port)", "", folder.path], seconds: 30
            ).run()
            for name in ["got", "again"] {
              #expect(try await folder.sha256(name) == folder.sha256("served/file"), "\(ending)")
            }
          }
          // The commands, two files and a list; each transfer connected from the server's side.
          let records = try await gateway.sessions(4)
          #expect(records.count == 4 && records.allSatisfy { $0.reason == "completed" }, "\(records)")
        }
      }
    }

    private static func server(_ body: (Folder, Int) async throws -> Void) async throws {
      try #require(currentUserID() == 0, "vsftpd needs root")
      try await Folder.lend { folder in
        // The server's own user has to get there.
        let place = "/tmp/garter-ftp-\(UInt32.random(in: 0 ... .max))"
        try await Script(
          text: #"mkdir -p "$1/served" "$1/empty" && chmod 755 "$1" "$1/served" && ln -s "$1/served" "$2/served""#,
          arguments: [place, folder.path]
        ).succeed()
        _ = try await folder.makeRandom("served/file", octets: 3_000_000)
        let port = try await FreePort.find()
        try folder.write(
          """
          listen=YES
          listen_address=127.0.0.1
          listen_port=\(port)
          background=NO
          anonymous_enable=YES
          no_anon_password=YES
          anon_root=\(place)/served
          secure_chroot_dir=\(place)/empty
          local_enable=NO
          pasv_enable=NO
          port_enable=YES
          connect_from_port_20=NO
          seccomp_sandbox=NO
          xferlog_enable=NO

          """, to: "vsftpd.conf")
        let child = try await Child.start(["vsftpd", folder.file("vsftpd.conf")])
        do {
          try await expectListening(port)
          try await body(folder, port)
        } catch {
          await child.abandon()
          throw error
        }
        await child.abandon()
        try await Script(text: #"rm -r "$1""#, arguments: [place]).succeed()
      }
    }
  }
}

/// Waits until somebody listens at a port of 127.0.0.1.
func expectListening(_ port: Int) async throws {
  let program = """
    import socket, sys, time
    end = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
            break
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
    """
  try await Script(text: #"exec /usr/bin/python3 -c "$@""#, arguments: [program, "\(port)"]).succeed()
}
