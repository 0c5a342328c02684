/// A name that is not ASCII (RFC 5890): what is judged, sent and resolved is the ASCII form that a library makes of it.
public struct UnconvertedName: Hashable, Sendable {
  /// As it was written, at most 255 bytes of UTF-8.
  public let text: String

  /// The host that the converted form names: it may be a literal, written with the digits or dots of another script.
  ///
  /// - Parameter ascii: A-labels and ASCII labels, as the library gives them.
  public func host(converted ascii: String) -> SOCKSHost {
    let host = SOCKSHost(nameField: ascii.utf8)
    return switch host {
    case .unconverted: .malformed(MalformedName(self.text.utf8, .noASCIIForm("the conversion left other characters")))
    case .malformed(let name): .malformed(MalformedName(self.text.utf8, name.reason))
    case .address, .name: host
    }
  }
}
