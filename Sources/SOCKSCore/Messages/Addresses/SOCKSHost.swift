/// The host part of an address field (RFC 1928 section 5): what rules judge, what is resolved, and what is connected to.
///
/// One type for all of them, so that what is checked is what is used. Names are ASCII here; what came as UTF-8 waits to
/// be converted where the system's library is at hand, and what names no host is a value of its own.
public enum SOCKSHost: Hashable, Sendable {
  case address(IPAddress)
  /// A name to be resolved.
  case name(HostName)
  /// A name that is not ASCII: to be converted before it is judged, sent or resolved.
  case unconverted(UnconvertedName)
  /// What can neither be an address nor a host name.
  case malformed(MalformedName)

  /// A host as people type it: an IP literal, with or without brackets, or a name.
  ///
  /// - Throws: `malformedName` for a text that is neither.
  public init(_ text: String) throws(SOCKSError) {
    self = SOCKSHost(nameField: text.utf8)
    if case .malformed(let name) = self { throw SOCKSError(name) }
  }

  /// The host that a name field names. Some clients send literals as names, with a final dot or in the brackets that URLs
  /// have around them: no host name has such a form, so that it means the address.
  public init(nameField bytes: some Collection<UInt8>) {
    if let address = Self.literal(bytes) {
      self = .address(address)
    } else if bytes.allSatisfy({ $0 < 0x80 }) {
      do throws(MalformedName) {
        self = .name(try HostName(bytes))
      } catch {
        self = .malformed(error)
      }
    } else if bytes.count > Int(UInt8.max) {
      self = .malformed(MalformedName(bytes, .tooLong(bytes.count)))
    } else if let text = String(validating: bytes, as: UTF8.self) {
      self = .unconverted(UnconvertedName(text: text))
    } else {
      self = .malformed(MalformedName(bytes, .notUTF8))
    }
  }

  private static func literal(_ bytes: some Collection<UInt8>) -> IPAddress? {
    guard let first = bytes.first else { return nil }
    switch first {
    case UInt8(ascii: "["):
      // Enough for the longest literal; a longer text is none.
      let text = Array(bytes.prefix(64))
      guard text.count == bytes.count, text.last == UInt8(ascii: "]") else { return nil }
      return IPAddress(literal: text.dropFirst().dropLast())
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: ":"):
      var text = Array(bytes.prefix(64))
      guard text.count == bytes.count else { return nil }
      if text.last == UInt8(ascii: ".") { text.removeLast() }
      return IPAddress(literal: text)
    default:  // A byte that begins no address.
      return nil
    }
  }

  /// Whether two hosts are the same to rules and resolver: capitals and a final dot do not count.
  public func isSame(as other: SOCKSHost) -> Bool {
    switch (self, other) {
    case (.name(let mine), .name(let theirs)): mine.bytes == theirs.bytes
    case (.name, _), (.address, _), (.unconverted, _), (.malformed, _): self == other
    }
  }
}

extension SOCKSHost: CustomStringConvertible {
  /// As it was written. Not for a line of log as it is: a name that is not ASCII, or malformed, holds what the client likes.
  public var description: String {
    switch self {
    case .address(let address): address.description
    case .name(let name): name.text
    case .unconverted(let name): name.text
    case .malformed(let name): String(decoding: name.bytes, as: UTF8.self)
    }
  }
}
