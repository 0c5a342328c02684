/// A line that a program has logged: `TIME LEVEL LABEL: MESSAGE KEY=VALUE …`, where what is not plain is in quotes.
///
/// Read strictly: a line that departs from it in anything has no message and no fields.
struct LogLine: Sendable, CustomStringConvertible {
  let description: String
  let level: String
  let message: String
  let metadata: [String: String]

  init(_ line: String) {
    self.description = line
    if let (level, message, metadata) = Self.parse(line) {
      (self.level, self.message, self.metadata) = (level, message, metadata)
    } else {
      (self.level, self.message, self.metadata) = ("", "", [:])
    }
  }

  /// Why the session ended, for a record of one.
  var reason: String? { self.metadata["reason"] }

  private static func parse(_ line: String) -> (level: String, message: String, metadata: [String: String])? {
    var rest = Array(line.unicodeScalars)[...]
    guard let time = self.word(&rest), time.count == 24, time.last == "Z", let level = self.word(&rest),
      let label = self.word(&rest), label.last == ":"
    else { return nil }
    var message: String
    if rest.first == "\"" {
      guard let quoted = self.string(&rest) else { return nil }
      message = quoted
    } else {
      message = ""
      while let next = rest.first(where: { $0 == " " || $0 == "=" }) {
        guard next == " ", let word = self.word(&rest) else { break }
        message += message.isEmpty ? word : " \(word)"
      }
      if !rest.contains("=") {
        message += message.isEmpty ? self.text(rest) : " \(self.text(rest))"
        rest = []
      }
    }
    if rest.first == " " { rest = rest.dropFirst() }
    var metadata: [String: String] = [:]
    while !rest.isEmpty {
      guard let equals = rest.firstIndex(of: "=") else { return nil }
      let key = self.text(rest[..<equals])
      guard !key.isEmpty, key.utf8.allSatisfy(self.isKeyByte), metadata[key] == nil else { return nil }
      rest = rest[(equals + 1)...]
      if rest.first == "\"" {
        guard let value = self.string(&rest), rest.isEmpty || rest.first == " " else { return nil }
        metadata[key] = value
        rest = rest.dropFirst()
      } else {
        guard let value = self.word(&rest), !value.isEmpty, !value.contains(where: { "\"\\=".contains($0) }) else {
          return nil
        }
        metadata[key] = value
      }
    }
    return (level, message, metadata)
  }

  private static func text(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var text = ""
    text.unicodeScalars.append(contentsOf: scalars)
    return text
  }

  private static func isKeyByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  /// Up to the next space, which is taken too.
  private static func word(_ rest: inout ArraySlice<Unicode.Scalar>) -> String? {
    guard !rest.isEmpty else { return nil }
    let end = rest.firstIndex(of: " ") ?? rest.endIndex
    defer { rest = rest[end...].dropFirst() }
    return self.text(rest[..<end])
  }

  /// A string of JSON.
  private static func string(_ rest: inout ArraySlice<Unicode.Scalar>) -> String? {
    var end = rest.startIndex + 1
    while end < rest.endIndex, rest[end] != "\"" { end += rest[end] == "\\" ? 2 : 1 }
    guard end < rest.endIndex else { return nil }
    let quoted = self.text(rest[...end])
    rest = rest[(end + 1)...]
    guard case .text(let text)? = try? JSONValue(parsing: quoted) else { return nil }
    return text
  }
}
