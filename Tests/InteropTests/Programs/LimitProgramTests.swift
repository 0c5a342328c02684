import FoundationEssentials
import Platform
import Subprocess
import Testing

extension ProgramTests {
  /// Limits that hold whatever clients do, with whole programs.
  @Suite struct LimitProgramTests {
    /// `garter connect`, again and again: all of them together have the principal's bandwidth.
    @Test(.timeLimit(.minutes(2))) func reconnectingEarnsNoBandwidth() async throws {
      let configuration = GatewayConfiguration(limits: ["bandwidth_per_principal: 64KiB/s"])
      try await Gateway.run(configuration) { gateway in
        let sink = try await Child.start(["/usr/bin/python3", "-u", "-c", Self.sink])
        let port = try await sink.output.first(within: .seconds(20)) { Int($0) != nil }.flatMap { Int($0) }
        var connect = GarterConnect(gateway: gateway.address, port: try #require(port))
        connect.script = #"""
          begin=$(date +%s%N)
          for number in $(seq 8); do head -c 100000 /dev/zero | "$@" || exit 1; done
          echo $((($(date +%s%N) - begin) / 1000000))
          """#
        let ending = try await connect.run()
        let milliseconds = try #require(
          ending.text.split(whereSeparator: \.isWhitespace).last.flatMap { Int($0) }, "\(ending)")
        // The first one's 100,000 bytes are paid for by the time the second one's have passed, and so on: 700,000 at
        // 65,536 a second.
        #expect(milliseconds >= 10_000, "\(ending)")
        await sink.abandon()
      }
    }

    private static let sink = """
      import socket, threading
      listener = socket.create_server(("127.0.0.1", 0))
      print(listener.getsockname()[1], flush=True)
      def serve(s):
        with s:
          while s.recv(1 << 16): pass
      while True:
        threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
      """

    /// Every TCP socket of the bridge's finds out within two minutes that its other end has gone: the listener's connections
    /// and those to the gateway.
    @Test(.timeLimit(.minutes(1))) func everySocketOfTheBridgeHasKeepalive() async throws {
      let echo = try await Child.start(["/usr/bin/python3", "-u", "-c", Self.sink])
      let port = try await echo.output.first(within: .seconds(20)) { Int($0) != nil }.flatMap { Int($0) }
      try await Gateway.run { gateway in
        try await GarterBridge.run(gateway: gateway.address) { bridge in
          let ending = try await Script(
            text: #"exec /usr/bin/python3 -c "$@""#,
            arguments: [
              Self.timers, bridge.address, gateway.address, "\(try #require(port))",
              "\(bridge.child.processIdentifier)",
            ]
          ).run()
          #expect(ending.text.split(separator: "\n").first == "['keepalive', 'keepalive']", "\(ending)")
        }
      }
      await echo.abandon()
    }

    /// The timers of the bridge's two sockets, when nothing is on its way any more; with more than a minute to go none
    /// counts.
    private static let timers = """
      import re, socket, subprocess, sys, time
      bridge, gateway, target, process = sys.argv[1:]
      host, port = bridge.split(":")
      s = socket.create_connection((host, int(port)))
      s.sendall(b"\\5\\1\\0")
      s.recv(2, socket.MSG_WAITALL)
      s.sendall(b"\\5\\1\\0\\1\\x7f\\0\\0\\1" + int(target).to_bytes(2, "big"))
      assert s.recv(10, socket.MSG_WAITALL)[1] == 0
      for attempt in range(100):
        out = subprocess.run(["ss", "-Htnpo", "state", "established"], capture_output=True, text=True).stdout
        lines = [line for line in out.splitlines() if f"pid={process}," in line]
        found = [re.search(r"timer:\\((\\w+),(\\d+)(min|sec)", line) for line in lines]
        timers = sorted(f[1] for f in found if f and (f[3] == "sec" or int(f[2]) < 1))
        if len(timers) == 2 and set(timers) == {"keepalive"}: break
        time.sleep(0.1)
      print(timers)
      print(out)
      """
  }
}
