import Platform
import SOCKSCore

/// Host names as a configuration has them: in ASCII, or converted to it by the library that converts those of clients.
enum ASCIIName {
  static func converted(_ text: String) throws(ValueError) -> String {
    guard text.utf8.contains(where: { $0 >= 0x80 }) else { return text }
    // `*` matches labels and is none.
    let prefix = text.utf8.starts(with: "*.".utf8) ? "*." : ""
    do throws(InternationalName.Failure) {
      return prefix + (try InternationalName.ascii(String(text.dropFirst(prefix.count))))
    } catch {
      throw ValueError("the name \(quoted(text)) has no ASCII form (IDNA): \(error)")
    }
  }

  /// A name that ends in a number is a mistake for an IPv4 address: no top-level domain is one.
  static func checkNoNumber(_ name: HostName, text: String) throws(ValueError) {
    guard let last = name.bytes.split(separator: UInt8(ascii: ".")).last, !isNumber(last) else {
      throw ValueError(
        "\(quoted(text)) is neither a name nor a whole IPv4 address; write four numbers, such as 192.0.2.1")
    }
  }

  /// Whether somebody may take a name that ends so for an IPv4 address: decimal or hexadecimal.
  private static func isNumber(_ label: ArraySlice<UInt8>) -> Bool {
    let isHexadecimal = label.starts(with: "0x".utf8)
    return label.dropFirst(isHexadecimal ? 2 : 0).allSatisfy {
      (0x30...0x39).contains($0) || (isHexadecimal && (0x61...0x66).contains($0))
    }
  }
}
