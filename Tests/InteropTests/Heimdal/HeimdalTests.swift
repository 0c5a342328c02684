import Testing

/// Heimdal's KDC, and its library at the other end. One after the other, for they share a KDC and two processors.
@Suite(.serialized) enum HeimdalTests {
  /// What a session with one of the C peers uses.
  enum Transport: String, CaseIterable, Sendable {
    case tcp, udp
  }

  /// Level 3 twice: the peer's library seals everything, and only signs.
  struct Protection: Sendable, CustomStringConvertible {
    let level: Int
    var seals = true

    static let all = [
      Protection(level: 1), Protection(level: 2), Protection(level: 3), Protection(level: 3, seals: false),
    ]

    var word: String { self.seals ? "seal" : "sign" }
    var description: String { "level \(self.level), \(self.word)" }

    /// Checks what a peer says of its session: how often Heimdal rotated its tokens, and what ours sealed.
    func expect(_ result: JSONValue, sourceLocation: SourceLocation = #_sourceLocation) {
      let wrapped = result["wrapped"]?.integer ?? 0
      let opened = result["opened"]?.integer ?? 0
      // The first of them is the level, which is never sealed.
      let sealed = self.level == 1 ? 0 : opened - 1
      #expect(
        result["level"] == .integer(self.level) && wrapped > 10 && result["rotated"] == .integer(wrapped) && opened > 10
          && result["sealed"] == .integer(sealed), "\(self): \(result)", sourceLocation: sourceLocation)
    }
  }

  static let rules = [
    #"{allow: [connect, associate], principals: ["alice@GARTER.TEST"], to: [127.0.0.0/8]}"#
  ]
}
