/// How names of principals and users are shown: as a rule would write them, on one line, whatever octets they hold.
enum NameText {
  /// - Parameter special: characters with a meaning where the name is written; it gets a `\` in front.
  static func escaped(_ octets: [UInt8], special: Set<Unicode.Scalar>) -> String {
    String(decoding: octets, as: UTF8.self).unicodeScalars.map { scalar in
      switch scalar {
      case "\n": "\\n"
      case "\t": "\\t"
      case "\u{8}": "\\b"
      case "\0": "\\0"
      case _ where special.contains(scalar): "\\\(scalar)"
      case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value):
        "\\u{\(String(scalar.value, radix: 16))}"
      default: String(scalar)
      }
    }.joined()
  }
}
