/// Makes a tree from events. Recursion ends at ``YAMLDocument/maximumDepth``.
struct YAMLComposer: ~Copyable {
  private var events: YAMLEventStream
  private var nodes = 0

  init(source: YAMLSource) {
    events = YAMLEventStream(source: source)
  }

  /// - Returns: `nil` when there is no document.
  mutating func composeDocument() throws(YAMLError) -> YAMLNode? {
    var root: YAMLNode?
    var documents = 0
    while true {
      let event = try events.next()
      switch event.kind {
      case .streamEnd:
        return root
      case .documentStart:
        documents += 1
        guard documents == 1 else {
          throw YAMLError(place: event.place, message: "a second document begins here; only one is read")
        }
        root = try composeNode(from: try events.next(), depth: 1)
      case .streamStart, .documentEnd, .scalar, .alias, .sequenceStart, .sequenceEnd, .mappingStart, .mappingEnd:
        continue
      }
    }
  }

  private mutating func composeNode(from event: YAMLEvent, depth: Int) throws(YAMLError) -> YAMLNode {
    try check(event, depth: depth)
    switch event.kind {
    case .scalar(let scalar):
      return YAMLNode(place: event.place, content: .scalar(scalar))
    case .sequenceStart:
      return YAMLNode(place: event.place, content: .sequence(try composeSequence(depth: depth)))
    case .mappingStart:
      return YAMLNode(place: event.place, content: .mapping(try composeMapping(depth: depth)))
    case .alias(let name):
      throw YAMLError(
        place: event.place,
        message: "aliases are not read; if the text \"*\(name)\" is meant, write it in quotes")
    case .streamStart, .streamEnd, .documentStart, .documentEnd, .sequenceEnd, .mappingEnd:
      throw YAMLError(place: event.place, message: "a value is missing here")
    }
  }

  private mutating func composeSequence(depth: Int) throws(YAMLError) -> [YAMLNode] {
    var items: [YAMLNode] = []
    while true {
      let event = try events.next()
      if case .sequenceEnd = event.kind { return items }
      items.append(try composeNode(from: event, depth: depth + 1))
    }
  }

  private mutating func composeMapping(depth: Int) throws(YAMLError) -> [YAMLEntry] {
    var entries: [YAMLEntry] = []
    var places: [String: YAMLPlace] = [:]
    while true {
      let event = try events.next()
      if case .mappingEnd = event.kind { return entries }
      let key = try composeKey(from: event, depth: depth + 1)
      if let first = places.updateValue(event.place, forKey: key) {
        throw YAMLError(
          place: event.place,
          message:
            "the key \"\(key.escaped)\" appears twice; the first is on line \(first.line), column \(first.column)")
      }
      let value = try composeNode(from: try events.next(), depth: depth + 1)
      entries.append(YAMLEntry(key: key, keyPlace: event.place, value: value))
    }
  }

  private mutating func composeKey(from event: YAMLEvent, depth: Int) throws(YAMLError) -> String {
    let node = try composeNode(from: event, depth: depth)
    guard case .scalar(let scalar) = node.content else {
      throw YAMLError(place: event.place, message: "a key must be a plain text, not a list or a mapping")
    }
    guard scalar.style != .plain || scalar.text != "<<" else {
      throw YAMLError(place: event.place, message: "merge keys (<<) are not read")
    }
    return scalar.text
  }

  private mutating func check(_ event: YAMLEvent, depth: Int) throws(YAMLError) {
    nodes += 1
    guard nodes <= YAMLDocument.maximumNodes else {
      throw YAMLError(
        place: event.place, message: "the text holds more than \(YAMLDocument.maximumNodes) values")
    }
    guard depth <= YAMLDocument.maximumDepth else {
      throw YAMLError(
        place: event.place, message: "lists and mappings lie more than \(YAMLDocument.maximumDepth) deep in each other")
    }
    guard !event.isAnchored else {
      throw YAMLError(place: event.place, message: "anchors (&name) are not read; text that begins with & needs quotes")
    }
    guard !event.isTagged else {
      throw YAMLError(place: event.place, message: "tags (!name) are not read; text that begins with ! needs quotes")
    }
  }
}

extension String {
  /// The text with control characters written as escapes, so that a message stays on its line. At most 80 characters.
  fileprivate var escaped: String {
    unicodeScalars.count <= 80
      ? unicodeScalars.map {
        $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? $0.escaped(asASCII: true) : String($0)
      }
      .joined()
      : String(String.UnicodeScalarView(unicodeScalars.prefix(80))).escaped + "…"
  }
}
