/// A text as it was read, with the name that messages call it by. It need not be valid in any way.
public struct YAMLSource: Hashable, Sendable {
  /// A path, or a word such as `standard input`.
  public let name: String
  public let octets: [UInt8]

  public init(name: String, octets: [UInt8]) {
    self.name = name
    self.octets = octets
  }

  public init(name: String, text: String) {
    self.init(name: name, octets: Array(text.utf8))
  }

  /// The lines without their line breaks, as libyaml counts them. Octets that are not UTF-8 show as replacement
  /// characters. A text has at least one line.
  public var lines: [String] {
    var lines: [String] = []
    var line = String.UnicodeScalarView()
    var afterCarriageReturn = false
    for scalar in String(decoding: octetsAfterMark, as: UTF8.self).unicodeScalars {
      if afterCarriageReturn, scalar == "\n" {
        afterCarriageReturn = false
        continue
      }
      afterCarriageReturn = scalar == "\r"
      if Self.lineBreaks.contains(scalar) {
        lines.append(String(line))
        line = String.UnicodeScalarView()
      } else {
        line.append(scalar)
      }
    }
    return lines + [String(line)]
  }

  /// The place of an octet.
  ///
  /// - Parameter offset: Counts from the first octet behind a byte order mark.
  func place(ofOctetAt offset: Int) -> YAMLPlace {
    var line = 1
    var column = 1
    var afterCarriageReturn = false
    for scalar in String(decoding: octetsAfterMark.prefix(max(0, offset)), as: UTF8.self).unicodeScalars {
      if afterCarriageReturn, scalar == "\n" {
        afterCarriageReturn = false
        continue
      }
      afterCarriageReturn = scalar == "\r"
      if Self.lineBreaks.contains(scalar) {
        line += 1
        column = 1
      } else {
        column += 1
      }
    }
    return YAMLPlace(line: line, column: column)
  }

  /// The octets without the byte order mark that some editors put in front.
  var octetsAfterMark: ArraySlice<UInt8> {
    octets.starts(with: [0xEF, 0xBB, 0xBF]) ? octets.dropFirst(3) : octets[...]
  }

  /// What libyaml takes for the end of a line: CR LF, and each of these.
  private static let lineBreaks: Set<Unicode.Scalar> = ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"]
}
