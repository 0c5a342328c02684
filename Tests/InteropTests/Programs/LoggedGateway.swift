import FoundationEssentials
import Subprocess
import ThrowawayRealm

/// A `garterd run` whose standard error nobody reads, and what has become of its log.
struct LoggedGateway: Sendable {
  enum Log: String, CaseIterable, Sendable {
    /// A pipe whose reader has been stopped (`kill -STOP`).
    case stoppedReader
    /// Every write fails.
    case fullDisk
  }

  let child: Child
  let address: String
  let replayCache: String
  private let file: String
  private let reader: Int?

  /// Starts one, lends it, and kills it if `body` has not stopped it.
  static func lend<Result>(
    _ log: Log, _ configuration: GatewayConfiguration, _ body: (LoggedGateway) async throws -> Result
  ) async throws -> Result {
    try await Folder.lend { folder in
      let interop = try await InteropRealm.ready()
      let port = try await FreePort.find()
      var configuration = configuration
      configuration.listen = ["127.0.0.1:\(port)"]
      let replayCache = folder.file("replay")
      try folder.write(configuration.text(keytab: interop.keytab, replayCache: replayCache), to: "garterd.yaml")
      let script =
        switch log {
        case .stoppedReader:
          """
          file=$1; shift
          mkfifo "$file.fifo"
          cat "$file.fifo" >"$file" 2>/dev/null </dev/null & reader=$!
          exec 9>"$file.fifo"
          kill -STOP $reader
          echo $reader
          exec "$@" 2>&9 9>&-
          """
        case .fullDisk: #"shift; echo 0; exec "$@" 2>/dev/full"#
        }
      let child = try await Child.start(
        ["sh", "-c", script, "sh", folder.file("log")]
          + [try Programs.garterd(), "run", "--config", folder.file("garterd.yaml")],
        environment: interop.realm.environment.mapValues { $0 })
      let reader = try await child.output.next(within: .seconds(20)).flatMap { Int($0) }
      let gateway = LoggedGateway(
        child: child, address: "127.0.0.1:\(port)", replayCache: replayCache, file: folder.file("log"), reader: reader)
      do {
        try await gateway.waitUntilListening()
        let result = try await body(gateway)
        await gateway.abandon()
        return result
      } catch {
        await gateway.abandon()
        throw error
      }
    }
  }

  private func abandon() async {
    await self.child.abandon()
    if let reader = self.reader, reader > 0 { _ = try? await Script(text: "kill -KILL \(reader)").run() }
  }

  private func waitUntilListening() async throws {
    let program = """
      import socket, sys, time
      end = time.monotonic() + 20
      while True:
          try:
              socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
              break
          except OSError:
              if time.monotonic() > end: raise
              time.sleep(0.02)
      """
    let port = String(self.address.drop { $0 != ":" }.dropFirst())
    try await Script(text: #"exec /usr/bin/python3 -c "$@""#, arguments: [program, port]).succeed()
  }

  /// Lets a stopped reader go on.
  func resumeReader() async throws { try await Script(text: "kill -CONT \(self.reader ?? 0)").succeed() }

  /// The lines that have been read, when they are as wanted.
  func lines(within limit: Duration = .seconds(30), until isComplete: ([LogLine]) -> Bool) async throws -> [LogLine] {
    let end = ContinuousClock.now + limit
    while true {
      let text = String(decoding: try Data(contentsOf: URL(filePath: self.file)), as: UTF8.self)
      // What follows the last newline is not all there yet.
      let whole = text.unicodeScalars.lastIndex(of: "\n").map { text[...$0] } ?? ""
      let lines = whole.split(separator: "\n").map { LogLine(String($0)) }
      if isComplete(lines) { return lines }
      guard ContinuousClock.now < end else {
        throw LateError(waited: limit, last: lines.suffix(5).map(\.description))
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }
}

/// Clients without authentication whose requests are refused by the rules, one after the other: each has a record.
enum RefusedStrangers {
  /// How many were answered as they should be.
  static func run(_ count: Int, gateway: String, seconds: Int = 50) async throws -> Int {
    let program = """
      import socket, sys
      port, count, answered = int(sys.argv[1]), int(sys.argv[2]), 0
      for _ in range(count):
          with socket.create_connection(("127.0.0.1", port), 5) as s:
              s.settimeout(5)
              s.sendall(bytes.fromhex("050100" "05010001c00002010009"))
              got = b""
              while len(got) < 4:
                  more = s.recv(64)
                  if not more: break
                  got += more
              answered += got[:4] == bytes.fromhex("05000502")
      print(answered)
      """
    let port = String(gateway.drop { $0 != ":" }.dropFirst())
    let ending = try await Script(
      text: #"exec /usr/bin/python3 -c "$@""#, arguments: [program, port, "\(count)"], seconds: seconds
    ).run()
    return Int(ending.text.filter(\.isNumber)) ?? -1
  }
}
