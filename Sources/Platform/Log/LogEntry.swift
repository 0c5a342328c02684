import Logging

/// One entry of a log, and the line that it makes.
///
/// In a line of text a value that is not plainly one word is in quotes, and so is a message that could be taken for fields: no
/// text from outside can pass for a field. What is in quotes is a string of JSON in both formats.
struct LogEntry {
  /// Bytes of a line beyond which further values are left out.
  static let lineLimit = 64 << 10
  /// How deep values may hold values.
  static let depthLimit = 8

  var time: LogTime = .now
  var level: Logger.Level
  var label: String
  var message: String
  var metadata: Logger.Metadata = [:]

  /// With its end of line.
  func line(in format: LogFormat) -> [UInt8] {
    var line: [UInt8] = []
    line.reserveCapacity(512)
    switch format {
    case .text: self.appendText(to: &line)
    case .json: self.appendJSON(to: &line)
    }
    line.append(UInt8(ascii: "\n"))
    return line
  }

  private func appendText(to line: inout [UInt8]) {
    self.time.append(to: &line)
    line += " \(self.level.rawValue) ".utf8
    LogText.appendKey(self.label, to: &line)
    line += ": ".utf8
    if LogText.isPlainMessage(self.message) {
      line += self.message.utf8
    } else {
      LogText.appendString(self.message, to: &line)
    }
    for (key, value) in self.fields {
      line.append(UInt8(ascii: " "))
      LogText.appendKey(key, to: &line)
      line.append(UInt8(ascii: "="))
      let text = self.text(of: value, line.count)
      if LogText.isWord(text) { line += text.utf8 } else { LogText.appendString(text, to: &line) }
    }
  }

  /// A list or a mapping in the metadata is shown as JSON.
  private func text(of value: Logger.MetadataValue, _ length: Int) -> String {
    if length >= Self.lineLimit { return LogText.cutMark }
    switch value {
    case .string(let text): return text
    case .stringConvertible(let value): return value.description
    case .dictionary, .array:
      var json: [UInt8] = []
      Self.appendJSON(value, to: &json, depth: 0)
      return String(decoding: json, as: UTF8.self)
    }
  }

  private func appendJSON(to line: inout [UInt8]) {
    line += #"{"timestamp":""#.utf8
    self.time.append(to: &line)
    line += #"","level":"\#(self.level.rawValue)","label":"#.utf8
    LogText.appendString(self.label, to: &line)
    line += #","message":"#.utf8
    LogText.appendString(self.message, to: &line)
    line += #","metadata":"#.utf8
    Self.appendJSON(self.fields, to: &line, depth: 0)
    line.append(UInt8(ascii: "}"))
  }

  private static func appendJSON(_ value: Logger.MetadataValue, to line: inout [UInt8], depth: Int) {
    guard depth < Self.depthLimit, line.count < Self.lineLimit else {
      return LogText.appendString(LogText.cutMark, to: &line)
    }
    switch value {
    case .string(let text): LogText.appendString(text, to: &line)
    case .stringConvertible(let value): LogText.appendString(value.description, to: &line)
    case .dictionary(let fields): Self.appendJSON(Self.sorted(fields), to: &line, depth: depth + 1)
    case .array(let values):
      line.append(UInt8(ascii: "["))
      for (index, value) in values.enumerated() {
        if index > 0 { line.append(UInt8(ascii: ",")) }
        Self.appendJSON(value, to: &line, depth: depth + 1)
        if line.count >= Self.lineLimit { break }
      }
      line.append(UInt8(ascii: "]"))
    }
  }

  private static func appendJSON(
    _ fields: [(key: String, value: Logger.MetadataValue)], to line: inout [UInt8], depth: Int
  ) {
    line.append(UInt8(ascii: "{"))
    for (index, field) in fields.enumerated() {
      if index > 0 { line.append(UInt8(ascii: ",")) }
      LogText.appendString(field.key, to: &line)
      line.append(UInt8(ascii: ":"))
      Self.appendJSON(field.value, to: &line, depth: depth + 1)
    }
    line.append(UInt8(ascii: "}"))
  }

  // MARK: The order of fields

  private var fields: [(key: String, value: Logger.MetadataValue)] { Self.sorted(self.metadata) }

  /// Who and what first, long texts last, the rest by name: the same in every line.
  private static func sorted(_ metadata: Logger.Metadata) -> [(key: String, value: Logger.MetadataValue)] {
    metadata.sorted { (Self.rank($0.key), $0.key) < (Self.rank($1.key), $1.key) }
  }

  private static func rank(_ key: String) -> Int {
    switch key {
    case "session": 0
    case "client": 1
    case "principal": 2
    case "target": 3
    case "reason": 4
    case "detail": 6
    case "hint": 7
    default: 5
    }
  }
}

extension LogEntry {
  /// What says how many lines were lost.
  init(lost: LogQueue.Lost, label: String) {
    self.init(
      level: .warning, label: label, message: "log lines lost",
      metadata: ["ordinary": "\(lost.ordinary)", "reserved": "\(lost.reserved)"])
  }
}
