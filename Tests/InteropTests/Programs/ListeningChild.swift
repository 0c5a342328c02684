/// A Python peer that says on its first line where it listens.
struct ListeningChild: Sendable {
  let child: Child
  let port: Int

  var address: String { "127.0.0.1:\(self.port)" }

  /// Starts one, lends it, and ends it however `body` ends.
  static func run<Result>(
    _ command: [String], _ body: (ListeningChild) async throws -> Result
  ) async throws -> Result {
    let interop = try await InteropRealm.ready()
    let child = try await Child.start(command, environment: interop.environment)
    do {
      guard let line = try await child.output.next(within: .seconds(20)),
        let port = try JSONValue(parsing: line)["listening"]?.integer
      else { throw PeerError(account: await child.account) }
      let result = try await body(ListeningChild(child: child, port: port))
      await self.end(child)
      return result
    } catch {
      await self.end(child)
      throw error
    }
  }

  /// A target for CONNECT.
  static func origin<Result>(
    _ mode: String, octets: Int = 0, _ body: (ListeningChild) async throws -> Result
  ) async throws -> Result {
    try await self.run(Programs.peer("origin.py") + [mode, "--octets", "\(octets)"], body)
  }

  /// The next report.
  func report(within limit: Duration = .seconds(30)) async throws -> JSONValue {
    guard let line = try await self.child.output.next(within: limit) else {
      throw PeerError(account: await self.child.account)
    }
    return try JSONValue(parsing: line)
  }

  /// Tells it something, and takes its answer.
  func control(_ fields: JSONValue) async throws -> JSONValue {
    self.child.send(try fields.encoded())
    return try await self.report()
  }

  private static func end(_ child: Child) async {
    await child.abandon()
  }
}
