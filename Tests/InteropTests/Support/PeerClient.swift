/// The independent RFC 1961 client, as a process that takes one job after another.
struct PeerClient: Sendable {
  /// Longer than any single wait of a job.
  static let limit = Duration.seconds(600)

  let child: Child

  /// Starts one, lends it and ends it.
  ///
  /// - Parameter prefix: a command that runs what follows it.
  static func run<Result>(
    environment: [String: String?] = [:], prefix: [String] = [], _ body: (PeerClient) async throws -> Result
  ) async throws -> Result {
    let interop = try await InteropRealm.ready()
    let client = PeerClient(
      child: try await Child.start(
        prefix + Programs.peer("peer_client.py") + ["run"], environment: interop.environment.merging(environment) { $1 }
      ))
    do {
      let result = try await body(client)
      client.child.endInput()
      try await client.child.ended(within: .seconds(20))
      return result
    } catch {
      await client.child.abandon()
      throw error
    }
  }

  /// One job at a time.
  func perform(_ job: [String: JSONValue]) async throws -> JSONValue {
    child.send(try JSONValue.fields(job).encoded())
    guard let line = try await child.output.next(within: Self.limit) else {
      throw PeerError(account: await child.account)
    }
    return try JSONValue(parsing: line)
  }
}

/// A peer that ended where it should have gone on.
struct PeerError: Error, CustomStringConvertible {
  let account: String

  var description: String { "the peer has ended: \(account)" }
}
