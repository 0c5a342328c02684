/// How texts are written in a line of a log.
enum LogText {
  /// Bytes of a value after which it is cut.
  static let valueLimit = 8 << 10
  /// Says that something was cut.
  static let cutMark = "…"

  /// Whether a value needs no quotes: visible ASCII without what quotes and fields are made of.
  static func isWord(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= Self.valueLimit && text.utf8.allSatisfy(Self.isWordByte)
  }

  /// Whether a message can be told from the fields behind it: words with spaces between.
  static func isPlainMessage(_ text: String) -> Bool {
    guard let first = text.utf8.first, first != UInt8(ascii: " "), text.utf8.count <= Self.valueLimit else {
      return false
    }
    return text.utf8.allSatisfy { Self.isWordByte($0) || $0 == UInt8(ascii: " ") }
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "="): false
    case 0x21...0x7e: true
    default: false
    }
  }

  /// A key or a label: letters, digits and a few signs; anything else becomes `_`.
  static func appendKey(_ key: String, to line: inout [UInt8]) {
    if key.isEmpty { line.append(UInt8(ascii: "_")) }
    for byte in key.utf8.prefix(128) {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
        line.append(byte)
      default: line.append(UInt8(ascii: "_"))
      }
    }
  }

  /// A string of JSON (RFC 8259 section 7). Beside what has to be, everything is escaped that a person does not see, or
  /// that changes how the rest is shown: controls, separators of lines, marks of direction, unusual spaces.
  static func appendString(_ text: String, to line: inout [UInt8]) {
    line.append(UInt8(ascii: "\""))
    let start = line.count
    for scalar in text.unicodeScalars {
      guard line.count - start < Self.valueLimit else {
        line += Self.cutMark.utf8
        break
      }
      switch scalar {
      case "\"": line += #"\""#.utf8
      case "\\": line += #"\\"#.utf8
      case "\n": line += #"\n"#.utf8
      case "\r": line += #"\r"#.utf8
      case "\t": line += #"\t"#.utf8
      case " "..."~": line.append(UInt8(scalar.value))
      default:
        if Self.isVisible(scalar) {
          line += String(scalar).utf8
        } else {
          for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter { Self.appendEscape(unit, to: &line) }
        }
      }
    }
    line.append(UInt8(ascii: "\""))
  }

  private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .surrogate, .privateUse, .unassigned:
      false
    default: !scalar.properties.isDefaultIgnorableCodePoint
    }
  }

  private static func appendEscape(_ unit: UInt16, to line: inout [UInt8]) {
    let digits = String(unit, radix: 16)
    line += "\\u".utf8
    line += String(repeating: "0", count: 4 - digits.utf8.count).utf8
    line += digits.utf8
  }
}
