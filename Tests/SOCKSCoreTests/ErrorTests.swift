import SOCKSCore
import Testing

@Suite struct ErrorTests {
  @Test func errorsAreComparedByCode() {
    #expect(SOCKSError(.truncated, "a") == SOCKSError(.truncated, "b"))
    #expect(SOCKSError(.truncated) != SOCKSError(.queueFull))
    #expect(SOCKSError(.truncated, "inside a token").description == "truncated: inside a token")
    #expect(SOCKSError(.truncated).description == "truncated")
  }

  @Test(
    arguments: [
      (.wrongVersion, .peerViolation), (.replayDetected, .peerViolation),
      (.unprotectedRequest, .peerIncompatible), (.foreignProtocol, .peerIncompatible),
      (.ticketForOtherService, .securityLibrary), (.tokenTooLong, .securityLibrary),
      (.queueFull, .local), (.requestRefused, .refusedByPolicy), (.protectionFailed, .securityLibrary),
      (.timedOut, .network), (.valueOutOfRange, .localMisuse), (.internalError, .bug),
    ] as [(SOCKSError.Code, SOCKSError.Fault)])
  func everyErrorIsSomebodysFault(code: SOCKSError.Code, fault: SOCKSError.Fault) {
    #expect(SOCKSError(code).fault == fault)
  }

  /// A principal may hold anything; a line of the log, or a terminal, must not be broken by it.
  @Test(
    arguments: [
      ("alice@EXAMPLE.COM", "alice@EXAMPLE.COM"), ("a\u{1b}[31m", "a\\u{1b}[31m"), ("a\r\nb", "a\\u{d}\\u{a}b"),
      ("a\\b", "a\\\\b"), ("\\u{1b}", "\\\\u{1b}"), ("a\u{202e}b", "a\\u{202e}b"), ("a\u{2028}b", "a\\u{2028}b"),
      ("a\u{0}b", "a\\u{0}b"), ("a\u{7f}\u{85}b", "a\\u{7f}\\u{85}b"), ("é日本", "é日本"), ("", ""),
    ])
  func textsFromOutsideAreEscaped(text: String, shown: String) {
    #expect(escaped(text) == shown)
  }

  @Test func textsFromOutsideAreCut() {
    #expect(escaped("abc", limit: 3) == "abc")
    #expect(escaped("abcd", limit: 3) == "abc…")
    #expect(escaped(String(repeating: "x", count: 100_000)).count == 513)
  }

  @Test func levelsHaveWordsAndNumbers() {
    for level in ProtectionLevel.allCases {
      #expect(ProtectionLevel(level.description) == level)
      #expect(ProtectionLevel("\(level.rawValue)") == level)
    }
    for text in ["", "0", "4", "Integrity", "none", "2 "] { #expect(ProtectionLevel(text) == nil) }
  }
}
