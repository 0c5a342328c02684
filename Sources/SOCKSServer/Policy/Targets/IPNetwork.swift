public import SOCKSCore

/// All addresses of one family that begin with the same bits: `192.0.2.0/24`, `2001:db8::/32`, or a single address.
public struct IPNetwork: Hashable, Sendable, CustomStringConvertible {
  /// The first address. The bits behind the prefix are zero.
  public let address: IPAddress
  /// 0 to 32, or 0 to 128.
  public let prefixLength: Int

  /// The network of an address; bits behind the prefix are cleared.
  ///
  /// - Returns: `nil` for a prefix length that the family does not have.
  public init?(_ address: IPAddress, prefixLength: Int) {
    guard (0...address.bitWidth).contains(prefixLength) else { return nil }
    self.address = address.masked(to: prefixLength)
    self.prefixLength = prefixLength
  }

  /// The network that holds this one address.
  public init(_ address: IPAddress) {
    self.address = address
    self.prefixLength = address.bitWidth
  }

  /// Reads `ADDRESS` or `ADDRESS/PREFIX`. No bit behind the prefix may be set: such a text says two things at once.
  ///
  /// Networks of IPv4-mapped addresses are the IPv4 networks: `::ffff:10.0.0.0/104` is `10.0.0.0/8`. Wider ones, such as
  /// `::/0`, hold IPv6 addresses only.
  public init(parsing text: String) throws(ValueError) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, let address = IPAddress(first) else {
      throw ValueError("expected an address or a network such as 192.0.2.0/24 or 2001:db8::/32, not \(quoted(text))")
    }
    guard parts.count == 2 else {
      self.init(address)
      return
    }
    // Written as IPv6: the prefix counts from the first of 128 bits.
    if case .v4 = address, first.utf8.contains(UInt8(ascii: ":")) {
      self = try Self.mapped(address, prefix: parts[1], text: text)
      return
    }
    guard let length = decimal(parts[1]), let network = IPNetwork(address, prefixLength: length) else {
      throw ValueError("expected a prefix length from 0 to \(address.bitWidth) behind the /, not \(quoted(parts[1]))")
    }
    self = try network.checked(address, text: text)
  }

  private static func mapped(_ address: IPAddress, prefix: Substring, text: String) throws(ValueError) -> IPNetwork {
    guard let length = decimal(prefix), (96...128).contains(length),
      let network = IPNetwork(address, prefixLength: length - 96)
    else {
      throw ValueError(
        "an IPv4-mapped network has a prefix length from 96 to 128, not \(quoted(prefix)); write 0.0.0.0/0 for all of "
          + "IPv4, and a network such as ::/0, which holds no IPv4 address, for IPv6")
    }
    return try network.checked(address, text: text)
  }

  private func checked(_ address: IPAddress, text: String) throws(ValueError) -> IPNetwork {
    guard self.address == address else {
      throw ValueError("\(text) has bits set beyond its prefix; write \(self) for the network, or \(address) alone")
    }
    return self
  }

  /// Whether an address lies in it. The families are kept apart: no IPv4 network holds an IPv6 address.
  public func contains(_ other: IPAddress) -> Bool {
    other.bitWidth == address.bitWidth && other.masked(to: prefixLength) == address
  }

  /// Whether all addresses of a network lie in it.
  public func contains(_ other: IPNetwork) -> Bool {
    other.prefixLength >= prefixLength && contains(other.address)
  }

  /// Whether there is an address in both.
  public func overlaps(_ other: IPNetwork) -> Bool {
    contains(other) || other.contains(self)
  }

  public var isSingleAddress: Bool { prefixLength == address.bitWidth }

  /// `ADDRESS/PREFIX`, or only the address when there is but one.
  public var description: String {
    isSingleAddress ? address.description : "\(address)/\(prefixLength)"
  }
}

extension IPAddress {
  /// 32 or 128.
  var bitWidth: Int {
    switch self {
    case .v4: 32
    case .v6: 128
    }
  }

  /// The address with all bits behind the first `length` cleared.
  func masked(to length: Int) -> IPAddress {
    // Shifts by the whole width give zero in Swift, and shifts by a negative amount go the other way.
    switch self {
    case .v4(let value):
      .v4(length <= 0 ? 0 : value & (UInt32.max << UInt32(max(0, 32 - length))))
    case .v6(let halves):
      .v6(
        high: length <= 0 ? 0 : halves.high & (UInt64.max << UInt64(max(0, 64 - length))),
        low: length <= 64 ? 0 : halves.low & (UInt64.max << UInt64(max(0, 128 - length))))
    }
  }
}

/// A decimal number of at most nine digits, without sign and leading zeros.
func decimal(_ text: some StringProtocol) -> Int? {
  let digits = Array(text.utf8.prefix(10))
  guard (1...9).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
  guard digits.count == 1 || digits[0] != 0x30 else { return nil }
  return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
}
