internal import CGSSAPI

/// A security mechanism, named by its object identifier (RFC 2743 section 3.1).
public struct GSSMechanism: Hashable, Sendable {
  /// The value octets of the identifier's DER encoding, without tag and length.
  public let octets: [UInt8]

  /// - Parameter octets: the value octets of the identifier's DER encoding, without tag and length.
  public init(octets: [UInt8]) {
    self.octets = octets
  }

  /// Kerberos V5, 1.2.840.113554.1.2.2 (RFC 4121 section 1).
  public static let krb5 = GSSMechanism(octets: [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02])

  /// SPNEGO, 1.3.6.1.5.5.2 (RFC 4178), which negotiates one of the others.
  public static let spnego = GSSMechanism(octets: [0x2b, 0x06, 0x01, 0x05, 0x05, 0x02])

  /// The identifier in dotted form, or `nil` when the octets are no well-formed identifier.
  public var dotted: String? {
    ObjectIdentifierText.dotted(octets)
  }

  /// The usual name, where this module knows one.
  public var name: String? {
    switch self {
    case .krb5: "krb5"
    case .spnego: "spnego"
    default: nil
    }
  }
}

extension GSSMechanism: CustomStringConvertible {
  /// The dotted identifier with the usual name behind it: `1.2.840.113554.1.2.2 (krb5)`.
  public var description: String {
    let identifier = dotted ?? "malformed object identifier of \(octets.count) bytes"
    return name.map { "\(identifier) (\($0))" } ?? identifier
  }
}

extension GSSMechanism {
  /// The mechanism that the library names, copied: the library's identifier may belong to a set that is freed later.
  init?(copying identifier: gss_OID?) {
    guard let identifier = unsafe identifier, let octets = unsafe identifier.pointee.copiedOctets() else { return nil }
    self.init(octets: octets)
  }

  /// Lends the identifier in the library's form for the duration of `body`; the library copies what it keeps.
  func withIdentifier<Result>(_ body: (gss_OID) -> Result) -> Result {
    unsafe octets.withUnsafeBytes { bytes in
      var identifier = unsafe gss_OID_desc(
        length: OM_uint32(clamping: bytes.count), elements: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
      return unsafe body(&identifier)
    }
  }
}
