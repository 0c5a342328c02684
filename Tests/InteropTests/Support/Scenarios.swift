/// The hostile scenarios of the independent client, and the reason that the gateway's record of each has to give.
struct Scenarios: Sendable {
  /// In the data phase; each at any position.
  let data: [String]
  /// Before the data phase, and ended by the gateway at once.
  let negotiation: [String]
  /// Before the data phase, and ended by the gateway's deadline.
  let timed: [String]
  /// Of datagrams and their associations.
  let datagrams: [String]

  static let positions = ["first", "middle", "last"]

  /// Asks the client for its list.
  static func list() async throws -> Scenarios {
    let child = try await Child.start(Programs.peer("peer_client.py") + ["--list"])
    try await child.ended(within: .seconds(20))
    let list = try JSONValue(parsing: await child.output.all.joined(separator: "\n"))
    let negotiation = list["negotiation"]?.fields ?? [:]
    return Scenarios(
      data: (list["data"]?.fields ?? [:]).keys.sorted(),
      negotiation: negotiation.filter { $0.value["timed"] == false }.keys.sorted(),
      timed: negotiation.filter { $0.value["timed"] == true }.keys.sorted(),
      datagrams: (list["datagrams"]?.fields ?? [:]).keys.sorted())
  }

  /// How many connections one session of a scenario makes.
  static func connections(_ scenario: String) -> Int {
    ["foreign", "first-token-replayed"].contains(scenario) ? 2 : 1
  }

  static func reason(_ scenario: String, level: Int) -> String? {
    scenario == "integrity-only" && level == 2 ? "not-encrypted" : reasons[scenario]
  }

  static let reasons = [
    "greeting-without-method-1": "no-acceptable-method",
    "greeting-version-4": "foreign-protocol",
    "greeting-zero-methods": "malformed-message",
    "greeting-http": "foreign-protocol",
    "greeting-silence": "method-timeout",
    "greeting-partial": "method-timeout",
    "first-token-zero-length": "empty-token",
    "first-token-garbage": "context-failed",
    "first-token-short-garbage": "context-failed",
    "first-token-spnego": "no-credentials",
    "first-token-tampered": "context-failed",
    "first-token-truncated": "context-failed",
    "first-token-replayed": "context-failed",
    "first-message-version-2": "wrong-version",
    "first-message-type-2": "unexpected-message",
    "first-message-type-3": "unexpected-message",
    "first-message-clear-request": "unprotected-request",
    "first-message-abort": "abort-received",
    "announced-then-silence": "authentication-timeout",
    "announced-then-dripping": "authentication-timeout",
    "level-silence": "level-timeout",
    "context-without-mutual": "context-too-weak",
    "context-without-replay": "context-too-weak",
    "context-without-integ": "context-too-weak",
    "context-without-anything": "context-too-weak",
    // With a host principal, which is in the keytab.
    "context-as-given": "service-not-served",
    "second-authentication": "unexpected-message",
    "second-authentication-zero-length": "unexpected-message",
    "level-asked": "invalid-level",
    "level-two-octets": "invalid-level",
    "level-no-octets": "invalid-level",
    "level-not-wrapped": "level-not-wrapped",
    "level-zero-length": "protection-failed",
    "level-type-1": "unexpected-message",
    "level-type-3": "unexpected-message",
    "level-tampered": "protection-failed",
    "level-skipped-number": "out-of-sequence",
    "level-clear-request": "unprotected-request",
    // Agreed; then the client goes.
    "level-sealed": "connection-closed",
    "request-in-clear": "unprotected-request",
    "request-not-wrapped": "protection-failed",
    "request-type-1": "unexpected-message",
    "request-type-2": "unexpected-message",
    "request-zero-length": "empty-token",
    "request-tampered": "protection-failed",
    "request-empties": "too-many-empty-messages",
    "none": "completed",
    "deleted": "out-of-sequence",
    "repeated": "replay-detected",
    "repeated-later": "replay-detected",
    "late": "out-of-sequence",
    "swapped": "out-of-sequence",
    "flipped": "protection-failed",
    "truncated": "protection-failed",
    "misdeclared": "protection-failed",
    "fin-inside": "truncated",
    "integrity-only": "completed",
    "sealed": "completed",
    "clear-request": "unprotected-request",
    "clear-data": "protection-failed",
    "type-1": "unexpected-message",
    "type-2": "unexpected-message",
    "type-4": "malformed-message",
    "type-ff": "abort-received",
    "type-ff-token": "abort-received",
    "version-2": "wrong-version",
    "version-5": "unprotected-request",
    "zero-length": "empty-token",
    "empties": "too-many-empty-messages",
    "garbage": "protection-failed",
    "mic": "protection-failed",
    "reflected": "protection-failed",
    "foreign": "protection-failed",
    "level-token-again": "replay-detected",
  ]
}
