/// A forwarder between a client and a server that reads both directions as RFC 1961 messages.
struct WireTap: Sendable {
  let child: Child
  /// Where clients connect to, as `127.0.0.1:PORT`.
  let address: String

  /// Starts one, lends it and ends it.
  ///
  /// - Parameters:
  ///   - server: what it forwards to, as `HOST:PORT`.
  ///   - canary: octets that it looks for on the wire.
  ///   - record: see the peers' README.
  static func run<Result>(
    to server: String, canary: [UInt8], record: String? = nil, _ body: (WireTap) async throws -> Result
  ) async throws -> Result {
    let options = ["--control", "--server", server, "--canary", canary.hexadecimal]
    let child = try await Child.start(Programs.peer("wire_tap.py") + options + (record.map { ["--record", $0] } ?? []))
    do {
      guard let line = try await child.output.next(within: .seconds(20)),
        let port = try JSONValue(parsing: line)["listening"]?.integer
      else { throw PeerError(account: await child.account) }
      let result = try await body(WireTap(child: child, address: "127.0.0.1:\(port)"))
      child.endInput()
      try await child.ended(within: .seconds(20))
      return result
    } catch {
      await child.abandon()
      throw error
    }
  }

  /// The report of the next session that has ended.
  func nextSession(within limit: Duration = .seconds(60)) async throws -> JSONValue {
    guard let line = try await child.output.next(within: limit) else { throw PeerError(account: await child.account) }
    return try JSONValue(parsing: line)
  }
}

extension [UInt8] {
  var hexadecimal: String {
    self.map { ($0 < 0x10 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
