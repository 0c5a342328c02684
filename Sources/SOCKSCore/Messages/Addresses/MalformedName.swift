/// A name field that names no host, and why. Such a name is answered X'04', as one that does not exist: rules have nothing
/// to do with it.
public struct MalformedName: Error, Hashable, Sendable {
  /// What the field holds, at most 255 bytes.
  public let bytes: [UInt8]
  public let reason: Reason

  public enum Reason: Hashable, Sendable {
    case empty
    /// More than 253 bytes without a final dot.
    case tooLong(Int)
    /// Two dots in a row, or one at the beginning.
    case emptyLabel
    /// More than 63 bytes between two dots.
    case labelTooLong
    /// A byte that no host name has.
    case character(UInt8)
    /// Neither ASCII nor UTF-8.
    case notUTF8
    /// IDNA has no ASCII form of it; in the library's words.
    case noASCIIForm(String)
  }

  public init(_ bytes: some Collection<UInt8>, _ reason: Reason) {
    self.bytes = Array(bytes.prefix(Int(UInt8.max)))
    self.reason = reason
  }
}

extension MalformedName: CustomStringConvertible {
  /// What is wrong, without the name itself.
  public var description: String {
    switch self.reason {
    case .empty: "the host name is empty"
    case .tooLong(let count): "the host name has \(count) bytes; at most \(HostName.maximumLength) can be resolved"
    case .emptyLabel: "the host name has an empty label (two dots in a row, or one at the beginning)"
    case .labelTooLong: "the host name has a label of more than \(HostName.maximumLabelLength) bytes"
    case .character(UInt8(ascii: "%")):
      "the host name contains '%'; SOCKS has no place for the zone of an address, and no name has that character"
    case .character(let byte) where (0x21...0x7E).contains(byte):
      "the host name contains '\(Character(Unicode.Scalar(byte)))', which no host name has"
    case .character(let byte): "the host name contains the byte \(hexadecimal(byte)), which no host name has"
    case .notUTF8: "the host name is not UTF-8"
    case .noASCIIForm(let words): "the host name has no ASCII form (IDNA): \(words)"
    }
  }
}

extension SOCKSError {
  /// For a request whose name can't be one of a host.
  public init(_ name: MalformedName) {
    self.init(.malformedName, name.description)
  }
}
