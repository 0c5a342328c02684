import Testing

/// What a test has done to a gateway, compared with the gateway's log when all is done.
struct SessionLedger {
  private var due: [(port: Int, job: String, reason: String)] = []
  private var connections = 0

  /// A session that must be in the log with this reason.
  mutating func note(_ result: JSONValue, _ job: [String: JSONValue], reason: String?, connections: Int = 1) {
    self.connections += connections
    guard let port = result["client_port"]?.integer, let reason else {
      Issue.record("there was no session, or no reason is known: \(job) \(result)")
      return
    }
    due.append((port, "\(JSONValue.fields(job))", reason))
  }

  /// Sessions of which only the number is known.
  mutating func note(connections: Int) { self.connections += connections }

  /// One record for each session, with the reason; and nothing in the log of what was sent.
  func check(_ gateway: Gateway) async throws {
    let records = try await gateway.sessions(connections)
    #expect(records.count == connections)
    #expect(Set(records.map { $0.metadata["session"] }).count == connections)
    let reasons = Dictionary(grouping: records) { $0.metadata["client"] ?? "" }.mapValues { $0.map(\.reason) }
    for session in due {
      let found = reasons["127.0.0.1:\(session.port)"] ?? []
      #expect(found.contains(session.reason), "\(session.job): \(found) instead of \(session.reason)")
    }
    for line in await gateway.child.diagnostics.all { #expect(!Self.holdsSecrets(line), "\(line)") }
  }

  /// Relayed text, or octets in hexadecimal. The clients' messages are `m1:aaaa…` and so on.
  static func holdsSecrets(_ line: String) -> Bool {
    var run = 0
    for scalar in line.unicodeScalars {
      guard scalar.value >= 0x20, scalar.value != 0x7f else { return true }
      run = scalar.properties.isASCIIHexDigit ? run + 1 : 0
      if run >= 16 { return true }
    }
    return (1...12).contains { line.contains("m\($0):") }
  }
}
