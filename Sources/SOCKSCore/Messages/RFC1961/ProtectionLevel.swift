/// The security context protection level (RFC 1961 section 4.2).
public enum ProtectionLevel: UInt8, Hashable, Sendable, CaseIterable {
  /// 1: "required per-message integrity"
  case integrity = 0x01
  /// 2: "required per-message integrity and confidentiality"
  case confidentiality = 0x02
  /// 3: "selective per-message integrity or confidentiality based on local client and server configurations"
  case selective = 0x03

  /// The levels that an answer to this request may have: none is weaker than what was asked for.
  public var acceptableAnswers: [ProtectionLevel] {
    switch self {
    case .integrity: [.integrity, .confidentiality]
    case .confidentiality: [.confidentiality]
    case .selective: [.selective, .confidentiality]
    }
  }

  /// The level to answer with: the one asked for if it is allowed, else the stronger one that the peer can use; nil when
  /// neither is allowed.
  public func answer(allowed: Set<ProtectionLevel>) -> ProtectionLevel? {
    self.acceptableAnswers.first(where: allowed.contains)
  }

  /// True when the level can only be kept with the context's confidentiality service.
  public var needsConfidentiality: Bool { self != .integrity }
}

extension ProtectionLevel: CustomStringConvertible {
  /// The word used in configuration and logs.
  public var description: String {
    switch self {
    case .integrity: "integrity"
    case .confidentiality: "confidentiality"
    case .selective: "selective"
    }
  }

  /// A level from its word, or from its number.
  public init?(_ text: String) {
    switch text {
    case "integrity", "1": self = .integrity
    case "confidentiality", "2": self = .confidentiality
    case "selective", "3": self = .selective
    default:  // A word that is no level.
      return nil
    }
  }
}
