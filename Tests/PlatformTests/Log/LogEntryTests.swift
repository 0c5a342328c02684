import Logging
import Testing

@testable import Platform

@Suite struct LogEntryTests {
  private static func entry(_ metadata: Logger.Metadata, message: String = "session ended") -> LogEntry {
    LogEntry(
      time: LogTime(milliseconds: 1_767_323_045_678), level: .notice, label: "garterd", message: message,
      metadata: metadata)
  }

  private static func text(_ entry: LogEntry, _ format: LogFormat) -> String {
    String(decoding: entry.line(in: format), as: UTF8.self)
  }

  @Test func aLineOfText() {
    let entry = Self.entry([
      "rule": "rule 1", "session": "7", "hint": "h i", "client": "192.0.2.1:5", "bytes_up": "3", "reason": "completed",
    ])
    #expect(
      Self.text(entry, .text)
        == "2026-01-02T03:04:05.678Z notice garterd: session ended session=7 client=192.0.2.1:5 reason=completed "
        + "bytes_up=3 rule=\"rule 1\" hint=\"h i\"\n")
  }

  @Test func aLineOfJSON() {
    let entry = Self.entry([
      "session": "7", "nested": ["b": ["x", "y\"z"], "a": "1"], "number": .stringConvertible(5), "none": [:],
    ])
    #expect(
      Self.text(entry, .json)
        == #"{"timestamp":"2026-01-02T03:04:05.678Z","level":"notice","label":"garterd","message":"session ended","#
        + #""metadata":{"session":"7","nested":{"a":"1","b":["x","y\"z"]},"none":{},"number":"5"}}"# + "\n")
  }

  @Test(arguments: [
    (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
    (1_709_251_199_999, "2024-02-29T23:59:59.999Z"), (1_709_251_200_000, "2024-03-01T00:00:00.000Z"),
    (4_102_444_800_001, "2100-01-01T00:00:00.001Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    (-1, "1970-01-01T00:00:00.000Z"),
  ]) func times(milliseconds: Int64, expected: String) {
    var bytes: [UInt8] = []
    LogTime(milliseconds: milliseconds).append(to: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == expected)
  }

  @Test(arguments: [
    ("word", "word"), ("a/b@R.TEST", "a/b@R.TEST"), ("[::1]:80", "[::1]:80"), ("two words", #""two words""#),
    ("", #""""#), ("a=b", #""a=b""#), (#"a"b"#, #""a\"b""#), (#"a\b"#, #""a\\b""#), ("a\nb", #""a\nb""#),
    ("a\r\n2026 notice", #""a\r\n2026 notice""#), ("\u{1b}[2J", "\"\\u001b[2J\""), ("a\tb", #""a\tb""#),
    ("\u{2028}", "\"\\u2028\""), ("\u{2029}", "\"\\u2029\""), ("\u{202e}evil", "\"\\u202eevil\""),
    ("\u{2066}", "\"\\u2066\""), ("\u{85}", "\"\\u0085\""), ("\u{7f}", "\"\\u007f\""), ("\u{0}", "\"\\u0000\""),
    ("\u{a0}", "\"\\u00a0\""), ("\u{3000}", "\"\\u3000\""), ("\u{200b}", "\"\\u200b\""), ("\u{feff}", "\"\\ufeff\""),
    ("\u{e0041}", "\"\\udb40\\udc41\""), ("\u{e000}", "\"\\ue000\""), ("\u{fe0f}", "\"\\ufe0f\""),
    ("Grüße", "\"Grüße\""), ("\u{1f600}", "\"\u{1f600}\""), ("\u{fffd}", "\"\u{fffd}\""),
  ]) func values(value: String, expected: String) {
    #expect(Self.text(Self.entry(["key": "\(value)"]), .text).hasSuffix("session ended key=\(expected)\n"))
  }

  /// What a stranger's AP-REQ brought into the log: the name that the library quotes has fields in it.
  @Test func textOfTheLibraryIsNoField() {
    let detail =
      "gss_accept_sec_context: Request ticket server socks/gw service=socks reason=completed rule=rule 1 "
      + "target=10.0.0.1:22@R.TEST not found in keytab\" reason=completed \\\" x=\"y"
    let line = Self.text(Self.entry(["reason": "context-failed", "detail": "\(detail)"]), .text)
    #expect(line.hasSuffix(#"not found in keytab\" reason=completed \\\" x=\"y""# + "\n"), "\(line)")
    // Outside of quotes there are two fields.
    var isQuoted = false
    var isEscaped = false
    var outside = ""
    for character in line.unicodeScalars {
      if !isQuoted { outside.unicodeScalars.append(character) }
      if isEscaped {
        isEscaped = false
      } else if character == "\\", isQuoted {
        isEscaped = true
      } else if character == "\"" {
        isQuoted.toggle()
      }
    }
    #expect(!isQuoted && outside.hasSuffix("session ended reason=context-failed detail=\"\n"), "\(outside)")
  }

  @Test(arguments: [
    "no ticket for x reason=completed", "says \"no\"", "a\nb", "", " leads", "caf\u{e9}", "\u{202e}",
  ]) func messagesThatCouldBeTakenForFieldsAreQuoted(message: String) {
    let line = Self.text(Self.entry(["key": "value"], message: message), .text)
    #expect(line.contains("garterd: \""), "\(line)")
    #expect(line.hasSuffix("\" key=value\n"), "\(line)")
    #expect(line.unicodeScalars.count { $0 == "\n" } == 1)
  }

  @Test func keysAndLabelsCannotBreakOut() {
    let entry = LogEntry(level: .info, label: "a b:\n", message: "m", metadata: ["x y=z\n": "v", "": "w"])
    #expect(Self.text(entry, .text).hasSuffix(" info a_b__: m _=w x_y_z_=v\n"))
  }

  @Test func longValuesAreCut() {
    let long = String(repeating: "x", count: 100_000)
    for format in LogFormat.allCases {
      let line = Self.text(Self.entry(["detail": "\(long)", "client": "c"]), format)
      #expect(line.utf8.count < LogText.valueLimit + 300)
      #expect(line.contains("…\""))
    }
    var metadata: Logger.Metadata = [:]
    for number in 0..<200 { metadata["k\(number)"] = "\(long)" }
    for format in LogFormat.allCases {
      #expect(Self.entry(metadata).line(in: format).count < LogEntry.lineLimit + LogText.valueLimit + 10_000)
    }
  }

  @Test func deepValuesEnd() throws {
    var value: Logger.MetadataValue = "x"
    for _ in 0..<1_000 { value = ["k": [value]] }
    for format in LogFormat.allCases { #expect(Self.entry(["deep": value]).line(in: format).count < 1_000) }
    try JSONCheck.whole(Self.text(Self.entry(["deep": value]), .json))
  }

  /// Whatever bytes come from outside: one line, and JSON that another parser takes and gives the same texts back for.
  @Test func randomBytes() throws {
    var generator = SystemRandomNumberGenerator()
    for round in 0..<3_000 {
      let bytes = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
        round % 2 == 0
          ? UInt8.random(in: 0...255, using: &generator)
          : "\"\\=\n\r a\u{7f}".utf8.randomElement(using: &generator) ?? 0
      }
      let value = String(decoding: bytes, as: UTF8.self)
      let line = Self.text(
        Self.entry([value: "\(value)", "list": [.string(value), [value: "x"]]], message: value), .json)
      let parsed = try JSONCheck.whole(line)
      #expect(parsed["message"]?.text == value && parsed["metadata"]?[value]?.text == value)
      let text = Self.text(Self.entry(["key": "\(value)"], message: value), .text)
      #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || ($0.value >= 0x20 && $0.value != 0x7f) }, "\(text)")
      #expect(text.utf8.count { $0 == UInt8(ascii: "\n") } == 1)
    }
  }
}
