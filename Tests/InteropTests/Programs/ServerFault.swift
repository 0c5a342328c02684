/// One way in which the independent server misbehaves, and what `garter connect` has to make of it.
struct ServerFault: Sendable, CustomStringConvertible {
  /// The fields of the server's policy.
  let policy: [String: JSONValue]
  let status: Int32
  /// What the message on standard error contains; nil when there is none.
  let words: String?
  /// All of standard output.
  let output: String
  /// The server goes silent: the client's own deadline is what ends it.
  var isSilent = false
  /// The answer to the level message is bad: nothing may follow it.
  var endsNegotiation = false

  var description: String { "\(self.policy)" }

  /// The server's messages m1 to `count`, as they reach standard output.
  static func messages(_ count: Int) -> String {
    let letters = Array("abcdefghi")
    return (0..<count).map { index in
      let head = "m\(index + 1):"
      return head + String(repeating: letters[index], count: Self.size - head.count)
    }.joined()
  }

  private static let size = 24

  /// - Parameter name: one of the server's list, `NAME@STAGE`.
  init(named name: String, level: Int) {
    self.policy = ["fault": .text(name), "patience": 2, "seconds": 60, "at": 10]
    let parts = name.split(separator: "@")
    let outcome = Self.outcome(fault: String(parts[0]), stage: String(parts[1]), level: level)
    self.status = outcome.status
    self.words = outcome.words
    self.output = outcome.output
    self.isSilent = outcome.status == Self.late.status
    // The second of two good answers comes after the request.
    self.endsNegotiation = parts[1] == "level" && outcome.status != 0 && !self.isSilent && parts[0] != "twice"
  }

  /// A level that was not asked for. Level 2 is stronger than what was asked for, and taken.
  init(levelAnswer: Int, asked: Int) {
    let isStronger = levelAnswer == 2 && asked != 2
    self.policy = ["level_answer": .integer(levelAnswer)]
    self.status = isStronger ? 0 : 76
    self.words = isStronger ? nil : "does not agree to the protection level"
    self.output = isStronger ? Self.messages(9) : ""
    self.endsNegotiation = !isStronger
  }

  init(methodAnswer: Int) {
    self.policy = ["method_answer": .integer(methodAnswer)]
    self.status = 76
    self.words = "does not take Kerberos (GSS-API) authentication"
    self.output = ""
  }

  init(replyCode: Int, words: String) {
    self.policy = ["reply_code": .integer(replyCode)]
    self.status = replyCode == 2 ? 77 : 69
    self.words = words
    self.output = ""
  }

  private typealias Outcome = (status: Int32, words: String?, output: String)

  private static let late: Outcome = (75, "timed out waiting for", "")
  private static let refused: Outcome = (77, "refused the authentication for socks/localhost", "")
  private static let levelRefused: Outcome = (76, "the gateway refused protection level", "")
  private static let failed: Outcome = (77, "Kerberos authentication to socks/localhost failed", "")
  private static let ended: Outcome = (74, "ended the connection before it was established", "")
  private static let violated: Outcome = (76, "violates RFC 1961", "")
  private static let complete: Outcome = (0, nil, Self.messages(9))
  private static let empty: Outcome = (0, nil, "")

  private static func outcome(fault: String, stage: String, level: Int) -> Outcome {
    switch (fault, stage) {
    // Nothing is wrong.
    case ("none", _), ("octets", _), ("sealed", _), ("split", _): return self.complete
    case ("integrity-only", "data") where level != 2: return self.complete
    case ("with-data", _): return (0, nil, "early" + self.messages(9))
    // The answer is good, and nothing follows it.
    case ("type-3", "reply"), ("then-close", _), ("close", "data"), ("stall", "data"): return self.empty
    case ("integrity-only", "reply") where level != 2: return self.empty
    // Nothing comes where something is due, or what is there is the beginning of a message.
    case ("stall", _), ("announced", _), ("longer", _): return self.late
    case ("type-1", "auth"), ("type-2", "level"): return self.late
    // The system's library says so by itself; with the engine it is the number that tells.
    case ("twice", "reply") where Programs.engine == "system":
      return (74, "the session ended prematurely: the library reports a duplicate token", "")
    case ("twice", "reply"): return (74, "the session ended prematurely: a token came late or a second time", "")
    case ("abort", "data"): return (74, "the session ended prematurely: the peer sent an abort in the data phase", "")
    case ("repeated", "data"): return (74, "the session ended prematurely", self.messages(1))
    case ("repeated-later", "data"): return (74, "the session ended prematurely", self.messages(3))
    case (_, "data"): return (74, "the session ended prematurely", "")
    case ("close", _), ("reset", _): return self.ended
    case ("abort", "method"): return self.violated
    case ("abort", "level"), ("abort-open", "level"): return self.levelRefused
    case ("abort", _), ("abort-open", _): return self.refused
    case ("tampered", "auth"), ("garbage", "auth"), ("truncated", "auth"): return self.failed
    default: return self.violated
    }
  }
}
