/// Services of a context, asked for and granted (RFC 2744 sections 5.1 and 5.19). Unknown bits are kept.
public struct GSSContextFlags: OptionSet, Hashable, Sendable {
  public let rawValue: UInt32

  public init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// The initiator's credentials are handed to the acceptor.
  public static let delegation = GSSContextFlags(rawValue: 0x01)
  /// The acceptor proves who it is.
  public static let mutual = GSSContextFlags(rawValue: 0x02)
  /// Repeated tokens are reported.
  public static let replay = GSSContextFlags(rawValue: 0x04)
  /// Missing and reordered tokens are reported.
  public static let sequence = GSSContextFlags(rawValue: 0x08)
  /// Messages can be sealed.
  public static let confidentiality = GSSContextFlags(rawValue: 0x10)
  /// Messages can be signed.
  public static let integrity = GSSContextFlags(rawValue: 0x20)
  /// The initiator does not say who it is.
  public static let anonymous = GSSContextFlags(rawValue: 0x40)
  /// Messages can be protected (before the context is complete, too).
  public static let protectionReady = GSSContextFlags(rawValue: 0x80)
  /// The context can be moved to another process.
  public static let transferable = GSSContextFlags(rawValue: 0x100)
  /// Both sides gave the same channel bindings (MIT 1.19 and newer).
  public static let channelBound = GSSContextFlags(rawValue: 0x800)
  /// Delegation only where the realm's policy marks the service as trusted for it (RFC 5896).
  public static let delegationPolicy = GSSContextFlags(rawValue: 0x8000)
}

extension GSSContextFlags: CustomStringConvertible {
  private static let names: [(GSSContextFlags, String)] = [
    (.delegation, "delegation"), (.mutual, "mutual"), (.replay, "replay"), (.sequence, "sequence"),
    (.confidentiality, "confidentiality"), (.integrity, "integrity"), (.anonymous, "anonymous"),
    (.protectionReady, "protectionReady"), (.transferable, "transferable"), (.channelBound, "channelBound"),
    (.delegationPolicy, "delegationPolicy"),
  ]

  public var description: String {
    let known = Self.names.filter { contains($0.0) }
    let rest = subtracting(known.reduce(into: []) { $0.formUnion($1.0) })
    let unknown = rest.isEmpty ? [] : ["0x" + String(rest.rawValue, radix: 16)]
    return "[" + (known.map(\.1) + unknown).joined(separator: ", ") + "]"
  }
}
