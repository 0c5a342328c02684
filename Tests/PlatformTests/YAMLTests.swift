import Platform
import Testing

/// Shows a tree on one line, with the place of every node.
private func show(_ node: YAMLNode?) -> String {
  guard let node else { return "nothing" }
  switch node.content {
  case .scalar(let scalar): return "\(node.place) \(scalar.style) \(scalar.text)"
  case .sequence(let items): return "\(node.place) [" + items.map(show).joined(separator: ", ") + "]"
  case .mapping(let entries):
    return "\(node.place) {" + entries.map { "\($0.keyPlace) \($0.key) = \(show($0.value))" }.joined(separator: ", ")
      + "}"
  }
}

private func refusal(_ text: String) -> String {
  do {
    return "read: " + show(try YAMLDocument.parse(text, sourceName: "test").root)
  } catch {
    return error.description
  }
}

@Suite struct YAMLTests {
  @Test func keepsThePlaceOfEveryNode() throws {
    let text = """
      # a comment
      listen:
        - address: 127.0.0.1:1080
        - {address: "[::1]:1080"}
      ünï: 'x'
      empty:
      """
    #expect(
      show(try YAMLDocument.parse(text, sourceName: "test").root)
        == "2:1 {2:1 listen = 3:3 [3:5 {3:5 address = 3:14 plain 127.0.0.1:1080}, "
        + "4:5 {4:6 address = 4:15 doubleQuoted [::1]:1080}], 5:1 ünï = 5:6 singleQuoted x, 6:1 empty = 6:7 plain }")
  }

  @Test func keepsStyles() throws {
    let document = try YAMLDocument.parse("- a\n- 'a'\n- \"a\"\n- |\n  a\n- >\n  a\n", sourceName: "test")
    guard case .sequence(let items) = document.root?.content else {
      Issue.record("not a sequence")
      return
    }
    let styles = items.compactMap { item -> YAMLScalar.Style? in
      if case .scalar(let scalar) = item.content { scalar.style } else { nil }
    }
    #expect(styles == [.plain, .singleQuoted, .doubleQuoted, .literal, .folded])
  }

  @Test func onlyPlainTextIsNull() {
    #expect(YAMLScalar(text: "~", style: .plain).isNull)
    #expect(YAMLScalar(text: "", style: .plain).isNull)
    #expect(YAMLScalar(text: "null", style: .plain).isNull)
    #expect(!YAMLScalar(text: "null", style: .doubleQuoted).isNull)
    #expect(!YAMLScalar(text: "no", style: .plain).isNull)
  }

  @Test(arguments: ["", "\n\n", "# nothing", "   \n# x\n"])
  func aTextWithoutDocumentHasNoRoot(text: String) throws {
    #expect(try YAMLDocument.parse(text, sourceName: "test").root == nil)
  }

  @Test func aByteOrderMarkIsSkipped() throws {
    let document = try YAMLDocument.parse("\u{FEFF}a: 1\n", sourceName: "test")
    #expect(show(document.root) == "1:1 {1:1 a = 1:4 plain 1}")
    #expect(document.source.lines == ["a: 1", ""])
  }

  @Test(arguments: [
    ("a: 1\nb: 2\na: 3\n", "3:1: the key \"a\" appears twice; the first is on line 1, column 1"),
    ("x:\n  a: 1\n  \"a\": 3\n", "3:3: the key \"a\" appears twice; the first is on line 2, column 3"),
    ("\"a\\e[\": 1\n\"a\\e[\": 1", "2:1: the key \"a\\u{1B}[\" appears twice; the first is on line 1, column 1"),
    (
      "to: *.example.com",
      "1:5: an alias or anchor has no name; text that begins with * or & needs quotes"
    ),
    ("to: *x", "1:5: aliases are not read; if the text \"*x\" is meant, write it in quotes"),
    ("a: &x 1\n", "1:4: anchors (&name) are not read; text that begins with & needs quotes"),
    ("a: &x [1]\n", "1:4: anchors (&name) are not read; text that begins with & needs quotes"),
    ("a: !!str 1\n", "1:4: tags (!name) are not read; text that begins with ! needs quotes"),
    ("a: ! 1\n", "1:4: tags (!name) are not read; text that begins with ! needs quotes"),
    ("a: !x {}\n", "1:4: tags (!name) are not read; text that begins with ! needs quotes"),
    ("a: 1\n---\nb: 2\n", "2:1: a second document begins here; only one is read"),
    ("a:\n  <<: {b: 1}\n", "2:3: merge keys (<<) are not read"),
    ("? [1]\n: 2\n", "1:3: a key must be a plain text, not a list or a mapping"),
    ("? {a: 1}\n: 2\n", "1:3: a key must be a plain text, not a list or a mapping"),
    ("a: [1, 2\n", "2:1: did not find expected ',' or ']' while parsing a flow sequence that begins on line 1"),
    ("a: b: c\n", "1:5: mapping values are not allowed in this context"),
    (
      "a:\n\t- 1\n",
      "2:1: found character that cannot start any token while scanning for the next token that begins on line 2"
    ),
    ("a: \"x\n", "2:1: found unexpected end of stream while scanning a quoted scalar that begins on line 1"),
    ("ab: 1\nüx\0: 2\n", "2:3: control characters are not allowed; the text must be plain UTF-8"),
    ("ab: 1\r\ncd: \u{7}\n", "2:5: control characters are not allowed; the text must be plain UTF-8"),
  ])
  func refuses(text: String, message: String) {
    #expect(refusal(text) == message)
  }

  @Test func aQuotedMergeKeyIsAKey() throws {
    #expect(refusal("'<<': 1") == "read: 1:1 {1:1 << = 1:7 plain 1}")
  }

  @Test func invalidUTF8IsRefusedAtItsPlace() {
    let error = #expect(throws: YAMLError.self) {
      try YAMLDocument.parse(octets: Array("a: 1\nb: ".utf8) + [0xFF, 0x0A], sourceName: "test")
    }
    #expect(error?.description == "2:4: invalid leading UTF-8 octet; the text must be plain UTF-8")
  }

  @Test func utf16IsRefused() {
    #expect(throws: YAMLError.self) {
      try YAMLDocument.parse(octets: [0xFF, 0xFE, 0x61, 0x00, 0x3A, 0x00], sourceName: "test")
    }
  }

  @Test func linesAreThoseOfTheText() {
    let source = YAMLSource(name: "test", text: "a\nb\r\nc\rd\u{2028}e\n")
    #expect(source.lines == ["a", "b", "c", "d", "e", ""])
    #expect(YAMLSource(name: "test", octets: [0x61, 0xFF]).lines == ["a\u{FFFD}"])
    #expect(YAMLSource(name: "test", octets: []).lines == [""])
  }
}

@Suite struct YAMLLimitTests {
  @Test func sizeIsBounded() throws {
    let fits = "# " + String(repeating: "x", count: YAMLDocument.maximumOctets - 2)
    #expect(try YAMLDocument.parse(fits, sourceName: "test").root == nil)
    #expect(refusal(fits + "x") == "1:1: the text is 1048577 bytes long; at most 1048576 are read")
  }

  @Test func depthIsBounded() {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth - 1) + "x" + String(repeating: "]", count: depth - 1)
    }
    #expect(refusal(nested(64)).hasPrefix("read: "))
    #expect(refusal(nested(65)) == "1:65: lists and mappings lie more than 64 deep in each other")
    #expect(refusal(nested(500)).hasSuffix("lists and mappings lie more than 64 deep in each other"))
    #expect(refusal(String(repeating: "[", count: 1 << 20)).contains(":"))
    #expect(refusal(String(repeating: "{a: ", count: 1 << 17)).contains("deep"))
    #expect(refusal(String(repeating: "- ", count: 1 << 18)).contains("deep"))
  }

  @Test func nodesAreBounded() {
    func list(_ count: Int) -> String { "[" + String(repeating: "a,", count: count) + "]" }
    #expect(refusal(list(99_999)).hasPrefix("read: "))
    #expect(refusal(list(100_000)) == "1:200000: the text holds more than 100000 values")
  }

  @Test func longWordsAreText() throws {
    let word = String(repeating: "x", count: 1_000_000)
    #expect(refusal("a: \(word)") == "read: 1:1 {1:1 a = 1:4 plain \(word)}")
  }

  /// Every prefix of a rich text, and many random changes of it, are read or refused with a place inside the text.
  @Test func noOctetsTrap() {
    let seed = Array(
      """
      %YAML 1.1
      ---
      listen: [{address: "\\x41\\u00e9\\0"}, 'it''s', *a, &b !!c d, ? x : y]
      rules:
        - |+2
            text
        - >-
          folded ü \u{2028}
        - ? k
          : <<
      ...
      """.utf8)
    var random = SystemRandomNumberGenerator()
    var read = 0
    func feed(_ octets: [UInt8]) {
      do {
        _ = try YAMLDocument.parse(octets: octets, sourceName: "test")
        read += 1
      } catch {
        #expect(error.line >= 1 && error.column >= 1 && !error.message.isEmpty)
        #expect(error.line <= octets.count + 1 && error.column <= octets.count + 2)
      }
    }
    for end in 0...seed.count { feed(Array(seed[..<end])) }
    for octet in UInt8.min...UInt8.max { feed([octet]) }
    for _ in 0..<20_000 {
      var octets = seed
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        let index = Int.random(in: 0..<octets.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: octets[index] = UInt8.random(in: .min ... .max, using: &random)
        case 1: octets.remove(at: index)
        case 2: octets.insert(octets[Int.random(in: 0..<octets.count, using: &random)], at: index)
        default: octets.replaceSubrange(index..., with: octets[Int.random(in: 0..<octets.count, using: &random)...])
        }
        if octets.isEmpty { octets = [0] }
      }
      feed(octets)
    }
    for _ in 0..<5_000 {
      feed((0..<Int.random(in: 0...64, using: &random)).map { _ in UInt8.random(in: .min ... .max, using: &random) })
    }
    #expect(read > 0)
  }
}
