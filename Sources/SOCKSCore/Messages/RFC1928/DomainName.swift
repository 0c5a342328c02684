/// A host name as it may stand in an address field: 1 to 255 octets of UTF-8 without control characters, spaces, line
/// separators or invisible characters (RFC 1928 section 5). Its octets go to the resolver as they are, so nothing that a
/// C string would cut may pass, and nothing that would make a line of log show what it does not say.
public struct DomainName: Hashable, Sendable, CustomStringConvertible {
  public let text: String

  /// - Throws: `valueOutOfRange` for an empty name, one of more than 255 octets, or one with a character that no host
  ///   name has.
  public init(_ text: String) throws(SOCKSError) {
    let octets = text.utf8
    guard (1...255).contains(octets.count) else {
      throw SOCKSError(.valueOutOfRange, "a host name has 1 to 255 octets, not \(octets.count)")
    }
    guard text.unicodeScalars.allSatisfy(Self.isVisible) else {
      throw SOCKSError(.valueOutOfRange, "a host name holds a control character, a space or an invisible character")
    }
    self.text = text
  }

  private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator: false
    default: true
    }
  }

  /// The name's octets, at most 255.
  var octets: String.UTF8View { self.text.utf8 }

  public var description: String { self.text }
}
