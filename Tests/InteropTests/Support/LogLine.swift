/// A line that a program has logged: `TIME LEVEL LABEL: KEY=VALUE … [SOURCE] MESSAGE`.
struct LogLine: Sendable, CustomStringConvertible {
  let description: String
  let message: String
  let metadata: [String: String]

  init(_ line: String) {
    description = line
    let words = line.split(separator: " ", omittingEmptySubsequences: false)
    guard let source = words.lastIndex(where: { $0.hasPrefix("[") && $0.hasSuffix("]") }) else {
      (message, metadata) = (line, [:])
      return
    }
    message = words[(source + 1)...].joined(separator: " ")
    var metadata: [String: String] = [:]
    var key: String?
    for word in words[..<source].dropFirst(3) {
      let name = word.prefix { $0 == "_" || $0.isASCII && $0.isLowercase }
      if !name.isEmpty, word.dropFirst(name.count).first == "=" {
        metadata[String(name)] = String(word.dropFirst(name.count + 1))
        key = String(name)
      } else if let key {
        metadata[key, default: ""] += " \(word)"
      }
    }
    self.metadata = metadata
  }

  /// Why the session ended, for a record of one.
  var reason: String? { metadata["reason"] }
}
