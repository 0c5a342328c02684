/// Object identifiers as octets and as dotted text (ITU-T X.690 section 8.19). Pure.
enum ObjectIdentifierText {
  /// Identifiers in use have about twenty octets; anything longer is not one of ours.
  static let maximumOctets = 128

  /// The arcs of an identifier, or `nil` when the octets end inside an arc, hold a padded arc or one above 64 bits.
  static func arcs(_ octets: [UInt8]) -> [UInt64]? {
    guard !octets.isEmpty, octets.count <= maximumOctets else { return nil }
    var subidentifiers: [UInt64] = []
    var value: UInt64 = 0
    var isInside = false
    for octet in octets {
      if !isInside && octet == 0x80 { return nil }
      guard value <= UInt64.max >> 7 else { return nil }
      value = value << 7 | UInt64(octet & 0x7f)
      isInside = octet & 0x80 != 0
      if !isInside {
        subidentifiers.append(value)
        value = 0
      }
    }
    guard !isInside, let first = subidentifiers.first else { return nil }
    // The first subidentifier holds two arcs: 40 × the first (0, 1 or 2) + the second.
    let root = min(first / 40, 2)
    return [root, first - root * 40] + subidentifiers.dropFirst()
  }

  static func dotted(_ octets: [UInt8]) -> String? {
    arcs(octets).map { $0.map(String.init).joined(separator: ".") }
  }
}
