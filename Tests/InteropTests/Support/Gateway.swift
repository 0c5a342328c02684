import FoundationEssentials
import Subprocess
import ThrowawayRealm

/// A `garterd run` beside a test.
struct Gateway: Sendable {
  let child: Child
  /// The first address that it listens on, as `127.0.0.1:PORT`.
  let address: String
  /// All of them.
  let addresses: [String]
  /// A file.
  let replayCache: String

  /// Starts one, lends it, and stops it however `body` ends. Expects that it ends with status 0 when told to.
  ///
  /// - Parameters:
  ///   - logLevel: at debug each session has its own record, also where many of a kind come within a second.
  ///   - through: a command that runs what follows it, such as `ip netns exec NAME`.
  static func run<Result>(
    _ configuration: GatewayConfiguration = GatewayConfiguration(), logLevel: String = "debug", through: [String] = [],
    _ body: (Gateway) async throws -> Result
  ) async throws -> Result {
    let gateway = try await start(configuration, logLevel: logLevel, through: through)
    do {
      let result = try await body(gateway)
      try await gateway.stop()
      return result
    } catch {
      await gateway.child.abandon()
      throw error
    }
  }

  /// - Parameter through: a command that starts the one behind it, such as `prlimit --nofile=256`.
  static func start(
    _ configuration: GatewayConfiguration = GatewayConfiguration(), logLevel: String = "debug", through: [String] = []
  ) async throws -> Gateway {
    let program = try Programs.garterd()
    let interop = try await InteropRealm.ready()
    let base = "\(interop.realm.folder)/garterd-\(UUID().uuidString)"
    let text = configuration.text(keytab: interop.keytab, replayCache: "\(base).replay")
    try Data(text.utf8).write(to: URL(filePath: "\(base).yaml"))
    let child = try await Child.start(
      through + [program, "run", "--config", "\(base).yaml", "--log-level", logLevel],
      environment: interop.realm.environment.mapValues { $0 })
    let line = try await child.diagnostics.first(within: .seconds(20)) { LogLine($0).message == "listening" }
    guard let line, let addresses = LogLine(line).metadata["addresses"]?.split(separator: " "),
      let first = addresses.first
    else { throw GatewayError(account: await child.account) }
    return Gateway(
      child: child, address: String(first), addresses: addresses.map(String.init), replayCache: "\(base).replay")
  }

  /// Tells it to stop, and waits until it has.
  func stop(within limit: Duration = .seconds(40)) async throws {
    child.signal(.terminate)
    let status = try await child.ended(within: limit)
    guard status == .exited(0) else { throw GatewayError(account: "ended with \(status)\n\(await child.account)") }
  }

  /// The records of all sessions so far, when there are at least `count`.
  func sessions(_ count: Int, within limit: Duration = .seconds(20)) async throws -> [LogLine] {
    try await child.diagnostics.wait(within: limit) { lines in lines.count(where: Self.isRecord) >= count }
    return await sessions
  }

  /// The records of all sessions so far.
  var sessions: [LogLine] {
    get async { await child.diagnostics.all.filter(Self.isRecord).map(LogLine.init) }
  }

  private static func isRecord(_ line: String) -> Bool { line.contains(": session ended ") }
}

/// A gateway that did not do as told.
struct GatewayError: Error, CustomStringConvertible {
  let account: String

  var description: String { "garterd: \(account)" }
}
