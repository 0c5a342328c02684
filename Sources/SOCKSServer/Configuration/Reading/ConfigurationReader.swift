import Platform

/// Reads values out of nodes, and keeps every problem on the way. A value that cannot be read is `nil`; reading goes on.
final class ConfigurationReader {
  let source: YAMLSource
  private(set) var problems: [ConfigurationProblem] = []
  private lazy var lines = source.lines

  init(source: YAMLSource) {
    self.source = source
  }

  func report(_ message: String, at place: YAMLPlace) {
    problems.append(problem(message, at: place))
  }

  func problem(_ message: String, at place: YAMLPlace) -> ConfigurationProblem {
    ConfigurationProblem(
      sourceName: source.name, line: place.line, column: place.column, message: message,
      sourceLine: line(place.line))
  }

  func line(_ number: Int) -> String? {
    lines.indices.contains(number - 1) ? lines[number - 1] : nil
  }

  // MARK: - Values

  /// The text of a scalar.
  func text(_ node: YAMLNode, _ path: String, expected: String = "a text") -> String? {
    switch node.content {
    case .scalar(let scalar) where !scalar.isNull:
      return scalar.text
    case .scalar:
      report("\(path) has no value; write \(expected), or leave the key out", at: node.place)
    case .sequence:
      report("\(path): expected \(expected), not a list", at: node.place)
    case .mapping:
      report("\(path): expected \(expected), not a mapping", at: node.place)
    }
    return nil
  }

  /// A scalar that an initialiser reads.
  func value<Value>(
    _ node: YAMLNode, _ path: String, expected: String, parse: (String) throws(ValueError) -> Value
  ) -> Value? {
    guard let text = text(node, path, expected: expected) else { return nil }
    do {
      return try parse(text)
    } catch {
      report("\(path): \(error.message)", at: node.place)
      return nil
    }
  }

  /// A whole number within bounds.
  func count(_ node: YAMLNode, _ path: String, within bounds: ClosedRange<Int>) -> Int? {
    self.value(node, path, expected: "a number") { text throws(ValueError) in
      guard let number = decimal(text), bounds.contains(number) else {
        throw ValueError(
          "expected a whole number from \(bounds.lowerBound) to \(bounds.upperBound), not \(quoted(text))")
      }
      return number
    }
  }

  /// One of the words of an enumeration.
  func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ node: YAMLNode, _ path: String, of type: Choice.Type = Choice.self
  ) -> Choice? {
    let known = Choice.allCases.map(\.rawValue)
    let expected = known.count == 1 ? known.joined() : "one of \(known.joined(separator: ", "))"
    return value(node, path, expected: expected) { text throws(ValueError) in
      if let choice = Choice(rawValue: text) { return choice }
      let hint = Suggestion.nearest(to: text, among: known).map { "; did you mean \($0)?" } ?? ""
      throw ValueError("expected \(expected), not \(quoted(text))\(hint)")
    }
  }

  /// The entries of a list, each read. A list with an entry that cannot be read, or that is there twice, is `nil`.
  ///
  /// - Parameter mayBeEmpty: whether an empty list means something.
  func list<Element: Hashable>(
    _ node: YAMLNode, _ path: String, example: String, limit: Int = Configuration.maximumEntries,
    mayBeEmpty: Bool = false, element read: (YAMLNode, String) -> Element?
  ) -> [Element]? {
    if mayBeEmpty, case .sequence(let nodes) = node.content, nodes.isEmpty { return [] }
    guard let nodes = items(node, path, example: example, limit: limit) else { return nil }
    var elements: [Element] = []
    var places: [Element: YAMLPlace] = [:]
    var isWhole = true
    for (index, item) in nodes.enumerated() {
      guard let element = read(item, "\(path)[\(index)]") else {
        isWhole = false
        continue
      }
      if let first = places[element] {
        report(
          "\(path)[\(index)] appears twice; the first is on line \(first.line), column \(first.column)", at: item.place)
        isWhole = false
      }
      places[element] = places[element] ?? item.place
      elements.append(element)
    }
    return isWhole ? elements : nil
  }

  /// The nodes of a list that is not empty.
  func items(_ node: YAMLNode, _ path: String, example: String, limit: Int) -> [YAMLNode]? {
    switch node.content {
    case .sequence(let nodes):
      if nodes.isEmpty {
        report("\(path) is an empty list; write at least one entry, for example \(example)", at: node.place)
        return nil
      }
      guard nodes.count <= limit else {
        report("\(path) has \(nodes.count) entries; at most \(limit) are taken", at: node.place)
        return nil
      }
      return nodes
    case .scalar(let scalar) where scalar.isNull:
      report("\(path) has no value; write a list such as \(example)", at: node.place)
    case .scalar, .mapping:
      report("\(path): expected a list such as \(example)", at: node.place)
    }
    return nil
  }

  /// A mapping. What the body does not ask for is reported as unknown.
  func mapping<Value>(_ node: YAMLNode, _ path: String, example: String, body: (MappingReader) -> Value?) -> Value? {
    guard case .mapping(let entries) = node.content else {
      let subject = path.isEmpty ? "the configuration" : path
      if case .scalar(let scalar) = node.content, scalar.isNull {
        report("\(subject) has no value; write keys below it such as \(example), or leave the key out", at: node.place)
      } else {
        report("\(subject): expected keys and values such as \(example)", at: node.place)
      }
      return nil
    }
    let mapping = MappingReader(reader: self, entries: entries, place: node.place, path: path)
    let value = body(mapping)
    mapping.reportUnknownKeys()
    return value
  }
}

/// The keys of one mapping.
final class MappingReader {
  let reader: ConfigurationReader
  let place: YAMLPlace
  private let entries: [YAMLEntry]
  private let path: String
  private var known: [String] = []

  init(reader: ConfigurationReader, entries: [YAMLEntry], place: YAMLPlace, path: String) {
    self.reader = reader
    self.entries = entries
    self.place = place
    self.path = path
  }

  /// The value of a key, which thereby is a known one. `nil` when it is not there.
  func entry(_ key: String) -> YAMLEntry? {
    if !known.contains(key) { known.append(key) }
    return entries.first { $0.key == key }
  }

  /// Reads the value of a key that may be left out.
  func optional<Value>(_ key: String, _ read: (YAMLNode, String) -> Value?) -> Value? {
    entry(key).flatMap { read($0.value, pathOf(key)) }
  }

  /// Reads the value of a key that must be there.
  func required<Value>(_ key: String, example: String, _ read: (YAMLNode, String) -> Value?) -> Value? {
    guard let entry = entry(key) else {
      reader.report("the key \(pathOf(key)) is missing; write for example \(key): \(example)", at: place)
      return nil
    }
    return read(entry.value, pathOf(key))
  }

  /// Whether a key is there, whatever its value.
  func has(_ key: String) -> Bool {
    entries.contains { $0.key == key }
  }

  func pathOf(_ key: String) -> String {
    path.isEmpty ? key : "\(path).\(key)"
  }

  func reportUnknownKeys() {
    let present = Set(entries.map(\.key))
    let missing = known.filter { !present.contains($0) }
    for entry in entries where !known.contains(entry.key) {
      let hint =
        Suggestion.nearest(to: entry.key, among: missing).map { "did you mean \($0)?" }
        ?? "known here: \(known.joined(separator: ", "))"
      reader.report("unknown key \(quoted(entry.key))\(path.isEmpty ? "" : " in \(path)"); \(hint)", at: entry.keyPlace)
    }
  }
}

extension YAMLNode {
  /// Where the value of a key is; the node itself when it has no such key.
  func place(ofKey key: String) -> YAMLPlace {
    guard case .mapping(let entries) = content else { return place }
    return entries.first { $0.key == key }?.value.place ?? place
  }
}
