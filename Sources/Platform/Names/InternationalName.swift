internal import CLibIDN2

/// Host names beyond ASCII, in the ASCII form that goes on the wire and to resolvers: IDNA2008 (RFC 5891) with the
/// mapping of Unicode TR46, not the transitional one.
public enum InternationalName {
  /// Bytes of a name that are looked at. No host name is longer in any form: each of at most 253 ASCII bytes represents at
  /// most one character, of at most four bytes.
  public static let maximumLength = 1_012

  /// Why a name has no ASCII form.
  public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The library's words.
    public let description: String
  }

  /// The ASCII form of a name. Its characters are those that IDNA allows and, in labels that are ASCII already, any: whether
  /// it is the name of a host, or the literal of an address, is for the caller to see. Takes some microseconds.
  public static func ascii(_ name: String) throws(Failure) -> String {
    guard name.utf8.count <= maximumLength else { throw Failure(description: "it is too long") }
    // The library would read no further.
    guard !name.utf8.contains(0) else { throw Failure(description: "it holds a NUL") }
    var result: UnsafeMutablePointer<UInt8>?
    let flags = Int32(IDN2_NFC_INPUT.rawValue | IDN2_NONTRANSITIONAL.rawValue)
    let bytes = Array(name.utf8) + [0]
    let code = unsafe bytes.withUnsafeBufferPointer { unsafe idn2_lookup_u8($0.baseAddress, &result, flags) }
    defer { unsafe idn2_free(result) }
    guard code == Int32(IDN2_OK.rawValue), let text = unsafe result else {
      throw Failure(description: unsafe idn2_strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)")
    }
    return unsafe String(cString: text)
  }
}
