/// A host name in ASCII: 1 to 253 bytes, in labels of 1 to 63 letters, digits, hyphens and underscores (RFC 1035 section
/// 2.3.4, RFC 2181 section 11), and maybe a final dot.
///
/// Nothing that a C string would cut, and nothing that a line of log would show as something else, is in it.
public struct HostName: Hashable, Sendable, CustomStringConvertible {
  /// As it was written.
  public let text: String
  /// In small letters, without a final dot: what rules compare.
  public let bytes: [UInt8]

  public static let maximumLength = 253
  public static let maximumLabelLength = 63

  public init(_ text: String) throws(MalformedName) {
    try self.init(text.utf8)
  }

  public init(_ text: some Collection<UInt8>) throws(MalformedName) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(min(text.count, Self.maximumLength + 1))
    var label = 0
    var isAbsolute = false
    for byte in text {
      guard bytes.count <= Self.maximumLength else { throw MalformedName(text, .tooLong(text.count)) }
      // A dot behind the last label is final; one in front of another is between labels.
      if isAbsolute { bytes.append(UInt8(ascii: ".")) }
      isAbsolute = false
      switch byte {
      case UInt8(ascii: "."):
        guard label > 0 else { throw MalformedName(text, .emptyLabel) }
        (label, isAbsolute) = (0, true)
        continue
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): bytes.append(byte + 0x20)
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
        UInt8(ascii: "_"):
        bytes.append(byte)
      default:  // A byte that no host name has.
        throw MalformedName(text, .character(byte))
      }
      label += 1
      guard label <= Self.maximumLabelLength else { throw MalformedName(text, .labelTooLong) }
    }
    guard !bytes.isEmpty else { throw MalformedName(text, .empty) }
    guard bytes.count <= Self.maximumLength else { throw MalformedName(text, .tooLong(text.count)) }
    self.bytes = bytes
    self.text = String(decoding: text, as: UTF8.self)
  }

  /// Whether it was written with a final dot: then it is complete, also with a single label (RFC 1034 section 3.1).
  public var isAbsolute: Bool { self.text.utf8.last == UInt8(ascii: ".") }

  public var hasSingleLabel: Bool { !self.bytes.contains(UInt8(ascii: ".")) }

  /// In small letters, without a final dot.
  public var canonical: String { String(decoding: self.bytes, as: UTF8.self) }

  /// `localhost`, which means this machine and is not asked of anybody (RFC 6761 section 6.3).
  public var isLocalhost: Bool { self.bytes.elementsEqual("localhost".utf8) }

  /// The complete name of this label in a domain; nil when that would be too long.
  public func appending(_ domain: HostName) -> HostName? {
    try? HostName(self.bytes + [UInt8(ascii: ".")] + domain.bytes)
  }

  public var description: String { self.text }
}
