import Subprocess
import Testing

/// A gateway in the namespace of ``DomainController``, and a target that echoes.
struct DirectoryGateway: Sendable {
  let computer: Computer
  let gateway: Gateway
  let target: Int

  /// `garter connect` to the target, in the namespace.
  func connectCommand() throws -> [String] {
    let port = self.gateway.address.drop { $0 != ":" }.dropFirst()
    return self.computer.domain.inside([
      try Programs.garter(), "connect", "--gateway", "\(self.computer.host):\(port)", "127.0.0.1", "\(self.target)",
    ])
  }

  /// Sends a word through the gateway, for the user that has the ticket.
  func connect(_ environment: [String: String?]) async throws -> Script.Ending {
    try await Script(
      text: #"printf ping | "$@""#, arguments: try self.connectCommand(), environment: environment
    ).run()
  }

  /// Expects that the word comes back, and that the record of this session, the newest, is of this client.
  func expectServed(
    _ environment: [String: String?], as client: String, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let before = await self.gateway.sessions.count
    let ending = try await self.connect(environment)
    let record = try await self.gateway.sessions(before + 1).last
    let seen = "\(ending) \(record.map(\.description) ?? "no record")"
    #expect(ending.status == .exited(0) && ending.text == "ping", "\(seen)", sourceLocation: sourceLocation)
    #expect(record?.reason == "completed", "\(seen)", sourceLocation: sourceLocation)
    // The log doubles a backslash, as all that it escapes.
    let principal = record?.metadata["principal"]?.split(separator: #"\\"#).joined(separator: #"\"#)
    #expect(principal == client, "\(seen)", sourceLocation: sourceLocation)
    #expect(
      record?.metadata["service"] == "\(self.computer.service)@\(DomainController.realm)", "\(seen)",
      sourceLocation: sourceLocation)
  }
}
