/// What an established context must offer before it is used. The library grants what the initiator asked for, so both
/// ends have to look.
public struct ContextRequirements: Hashable, Sendable {
  public var services: SecurityContextAttributes.Services
  /// The encryption types allowed for the key that protects messages, and for the ticket's session key.
  public var encryptionTypes: Set<Int32>
  /// The service names served (`socks`, `rcmd`), each with some host name; nil on the client side, which names its target.
  public var servedNames: Set<String>?
  public var allowsAnonymous: Bool

  /// aes128-sha1, aes256-sha1 (RFC 3962), aes128-sha256, aes256-sha384 (RFC 8009).
  public static let aesEncryptionTypes: Set<Int32> = [17, 18, 19, 20]

  /// For the acceptor: "client always requests these service options" (RFC 1961 section 3.2), so it is an error not to.
  /// SEQUENCE is not among them, because UDP clients must not ask for it: the numbers are checked here in any case.
  ///
  /// - Parameter protectsMessages: false where sessions are unprotected (``CompatibilitySwitch/unprotected``): programs that
  ///   are served so do not all ask for INTEG, which nothing would make use of.
  public static func acceptor(
    servedNames: Set<String>, allowsAnonymous: Bool = false, protectsMessages: Bool = true
  ) -> Self {
    Self(
      services: protectsMessages ? [.mutual, .replay, .integrity] : [.mutual, .replay],
      encryptionTypes: Self.aesEncryptionTypes, servedNames: servedNames, allowsAnonymous: allowsAnonymous)
  }

  /// For the initiator: what it asked for has to be granted.
  ///
  /// - Parameter ordered: false for a UDP association, which must not ask for SEQUENCE (RFC 1961 section 3.2).
  public static func initiator(level: ProtectionLevel, ordered: Bool = true) -> Self {
    var services: SecurityContextAttributes.Services = [.mutual, .replay, .integrity]
    if ordered { services.insert(.sequence) }
    if level.needsConfidentiality { services.insert(.confidentiality) }
    return Self(
      services: services, encryptionTypes: Self.aesEncryptionTypes, servedNames: nil, allowsAnonymous: false)
  }

  /// The reason why a context may not be used; nil when it may.
  public func violation(of attributes: SecurityContextAttributes) -> SOCKSError? {
    let missing = self.services.subtracting(attributes.services)
    guard missing.isEmpty else {
      return SOCKSError(.contextTooWeak, "the context does not grant \(missing.names)")
    }
    guard let type = attributes.encryptionType, self.encryptionTypes.contains(type) else {
      return self.weakness(of: "session key", type: attributes.encryptionType)
    }
    // The key for messages may be AES all the same (RFC 4537), but an attacker who finds this one has that one, too.
    if let type = attributes.ticketSessionType, !self.encryptionTypes.contains(type) {
      return self.weakness(of: "ticket's session key", type: type)
    }
    guard self.allowsAnonymous || !attributes.services.contains(.anonymous) else {
      return SOCKSError(.contextTooWeak, "the initiator is anonymous")
    }
    if let servedNames = self.servedNames {
      guard let service = Self.hostBasedService(attributes.acceptorName), servedNames.contains(service) else {
        return SOCKSError(.serviceNotServed, "the ticket is for \(escaped(attributes.acceptorName))")
      }
    }
    return nil
  }

  private func weakness(of key: String, type: Int32?) -> SOCKSError {
    let account = self.servedNames == nil ? "the gateway's account" : "this service's account"
    return SOCKSError(
      .contextTooWeak,
      "the \(key) is \(type.map(Self.name(ofEncryptionType:)) ?? "of unknown encryption type"); only AES keys are "
        + "accepted: give \(account) AES keys (in Active Directory set msDS-SupportedEncryptionTypes to 24, then change "
        + "its password and the keytab), and allow AES at the client")
  }

  private static func name(ofEncryptionType type: Int32) -> String {
    switch type {
    case 1...3: "of encryption type \(type) (DES)"
    case 16: "des3-cbc-sha1"
    case 23: "arcfour-hmac (RC4)"
    default:  // A number without a name here.
      "of encryption type \(type)"
    }
  }

  /// The service in `service/host@REALM`; nil for a principal without a host or with further components.
  private static func hostBasedService(_ principal: String) -> String? {
    let name = principal.utf8.prefix { $0 != UInt8(ascii: "@") }
    let parts = name.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.count == 2, let service = parts.first, let host = parts.last, !host.isEmpty else { return nil }
    return String(service)
  }
}

extension SecurityContextAttributes.Services {
  /// The names of RFC 2743, for messages.
  var names: String {
    let all: [(Self, String)] = [
      (.mutual, "MUTUAL"), (.replay, "REPLAY"), (.sequence, "SEQUENCE"), (.integrity, "INTEG"),
      (.confidentiality, "CONF"), (.anonymous, "ANON"),
    ]
    return all.filter { self.contains($0.0) }.map(\.1).joined(separator: ", ")
  }
}
