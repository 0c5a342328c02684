import SOCKSCore

/// Ranges of addresses that no rule reaches by accident: the gateway itself, its own network segment, and addresses that
/// mean no single machine. A rule allows one of them only by naming an address or a network inside the range.
public enum SpecialAddress: String, Hashable, Sendable, CaseIterable {
  /// 0.0.0.0/8 and `::`: Linux connects the first address of it to the machine itself.
  case unspecified
  /// 127.0.0.0/8 and `::1`.
  case loopback
  /// 169.254.0.0/16 and fe80::/10.
  case linkLocal = "link-local"
  /// 224.0.0.0/4 and ff00::/8.
  case multicast
  /// 255.255.255.255.
  case broadcast = "limited broadcast"
  /// 64:ff9b:1::/48 (RFC 8215): a translator may keep the IPv4 address in any of several places in it, so that an
  /// address alone does not tell which one is meant.
  case localTranslation = "local-use translation"
  /// An address and port on which this gateway itself listens.
  case ownListener = "the gateway's own listener"

  /// A special range that holds an address, in the form in which the address was given.
  struct Range: Hashable {
    let kind: SpecialAddress
    let network: IPNetwork
  }

  /// Every special range that holds an address, also when an IPv4 address of the range is carried in an IPv6 one.
  static func ranges(of address: IPAddress) -> [Range] {
    var ranges = table.filter { $0.network.contains(address) }
    for carried in address.carriedAddresses {
      for range in table where range.network.contains(carried.address) {
        // The bits of the IPv4 address are contiguous, so that the range in its carried form is a network as well.
        guard
          let network = IPNetwork(address, prefixLength: carried.firstBit + range.network.prefixLength)
        else { continue }
        ranges.append(Range(kind: range.kind, network: network))
      }
    }
    return ranges
  }

  /// Whether a network holds special addresses, or addresses that carry others.
  static func isIn(_ network: IPNetwork) -> Bool {
    (table.map(\.network) + carriers).contains { $0.overlaps(network) }
  }

  private static let carriers: [IPNetwork] = [
    IPNetwork(.v6(high: 0, low: 0), prefixLength: 64),
    IPNetwork(.v6(high: 0x0064_FF9B_0000_0000, low: 0), prefixLength: 32),
    IPNetwork(.v6(high: 0x2002_0000_0000_0000, low: 0), prefixLength: 16),
    IPNetwork(.v6(high: 0x2001_0000_0000_0000, low: 0), prefixLength: 32),
  ].compactMap(\.self)

  private static let table: [Range] = [
    range(.unspecified, .v4(0), 8),
    range(.loopback, .v4(0x7F00_0000), 8),
    range(.linkLocal, .v4(0xA9FE_0000), 16),
    range(.multicast, .v4(0xE000_0000), 4),
    range(.broadcast, .v4(0xFFFF_FFFF), 32),
    range(.unspecified, .v6(high: 0, low: 0), 128),
    range(.loopback, .v6(high: 0, low: 1), 128),
    range(.linkLocal, .v6(high: 0xFE80_0000_0000_0000, low: 0), 10),
    range(.multicast, .v6(high: 0xFF00_0000_0000_0000, low: 0), 8),
    range(.localTranslation, .v6(high: 0x0064_FF9B_0001_0000, low: 0), 48),
  ].compactMap(\.self)

  private static func range(_ kind: SpecialAddress, _ address: IPAddress, _ prefixLength: Int) -> Range? {
    IPNetwork(address, prefixLength: prefixLength).map { Range(kind: kind, network: $0) }
  }
}

/// An IPv4 address inside an IPv6 one.
struct CarriedAddress: Hashable {
  let address: IPAddress
  /// Where its 32 bits begin, counted from the first bit of the IPv6 address.
  let firstBit: Int
}

extension IPAddress {
  /// The IPv4 addresses that a translator or tunnel would read out of this IPv6 address. An IPv4-mapped one is an IPv4
  /// address by its type.
  var carriedAddresses: [CarriedAddress] {
    guard case .v6(let halves) = self else { return [] }
    let (high, low) = (halves.high, halves.low)
    let last = CarriedAddress(address: .v4(UInt32(low & 0xFFFF_FFFF)), firstBit: 96)
    // IPv4-compatible (RFC 4291 section 2.5.5.1) and IPv4-translated (RFC 2765).
    if high == 0, [0, 0xFFFF_0000].contains(low >> 32) { return [last] }
    // NAT64 (RFC 6052), and its local-use prefix (RFC 8215) where translators keep to 96 bits.
    if high == 0x0064_FF9B_0000_0000, low >> 32 == 0 { return [last] }
    if high >> 16 == 0x0064_FF9B_0001 { return [last] }
    // 6to4 (RFC 3056).
    if high >> 48 == 0x2002 { return [CarriedAddress(address: .v4(UInt32(high >> 16 & 0xFFFF_FFFF)), firstBit: 16)] }
    // Teredo (RFC 4380 section 4): the client's address with every bit inverted, and the server's.
    if high >> 32 == 0x2001_0000 {
      return [
        CarriedAddress(address: .v4(~UInt32(low & 0xFFFF_FFFF)), firstBit: 96),
        CarriedAddress(address: .v4(UInt32(high & 0xFFFF_FFFF)), firstBit: 32),
      ]
    }
    return []
  }
}
