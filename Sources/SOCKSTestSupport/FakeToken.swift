/// The tokens of ``FakeProtection``: a toy that behaves like RFC 4121 section 4.2.6.2 for a SOCKS session.
///
/// 16 octets of header (`05 04`, flags, `ff`, two counts, a 64-bit number), the content, and 12 octets of checksum over
/// header and plaintext. Sealed content is changed by a keystream; nothing here protects anything.
public struct FakeToken: Hashable, Sendable {
  public var isSealed: Bool
  public var number: UInt64
  public var plaintext: [UInt8]

  public init(isSealed: Bool, number: UInt64, plaintext: [UInt8]) {
    self.isSealed = isSealed
    self.number = number
    self.plaintext = plaintext
  }

  /// What a token adds to its plaintext, sealed or not: as much as aes256-sha1 adds to a signed one.
  public static let overhead = headerLength + checksumLength
  /// The most plaintext that fits the longest message.
  public static let maximumPlaintext = 65_535 - overhead

  private static let headerLength = 16
  private static let checksumLength = 12
  private static let magic: [UInt8] = [0x05, 0x04]
  private static let sealedFlag: UInt8 = 0x02

  /// The token's octets under a key.
  public func octets(key: UInt64) -> [UInt8] {
    var result = Self.magic + [self.isSealed ? Self.sealedFlag : 0x00, 0xff, 0x00, 0x00, 0x00, 0x00]
    result += Self.bigEndian(self.number)
    let checksum = Self.checksum(result, self.plaintext, key: key)
    result += self.isSealed ? Self.changed(self.plaintext, key: key, number: self.number) : self.plaintext
    return result + checksum
  }

  /// Opens a token; nil when one octet of it is wrong.
  public init?(_ octets: [UInt8], key: UInt64) {
    guard octets.count >= Self.overhead, octets.starts(with: Self.magic), octets[2] & ~Self.sealedFlag == 0 else {
      return nil
    }
    let number = octets[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
    let isSealed = octets[2] == Self.sealedFlag
    let content = Array(octets[Self.headerLength..<octets.count - Self.checksumLength])
    let plaintext = isSealed ? Self.changed(content, key: key, number: number) : content
    let header = Array(octets.prefix(Self.headerLength))
    guard Self.checksum(header, plaintext, key: key) == Array(octets.suffix(Self.checksumLength)) else { return nil }
    self.init(isSealed: isSealed, number: number, plaintext: plaintext)
  }

  /// Its own inverse.
  private static func changed(_ octets: [UInt8], key: UInt64, number: UInt64) -> [UInt8] {
    let pad = Self.bigEndian((key ^ number) | 0x0101_0101_0101_0101)
    var result = octets
    for index in result.indices { result[index] ^= pad[index % 8] }
    return result
  }

  /// FNV-1a, 64 bits, and the length.
  private static func checksum(_ header: [UInt8], _ plaintext: [UInt8], key: UInt64) -> [UInt8] {
    var hash = 0xcbf2_9ce4_8422_2325 ^ key
    for octet in header { hash = Self.mixed(hash, octet) }
    for octet in plaintext { hash = Self.mixed(hash, octet) }
    return Self.bigEndian(hash) + Self.bigEndian(UInt64(plaintext.count)).suffix(4)
  }

  private static func mixed(_ hash: UInt64, _ octet: UInt8) -> UInt64 {
    (hash ^ UInt64(octet)).multipliedFullWidth(by: 0x100_0000_01b3).low
  }

  private static func bigEndian(_ value: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(value >> (56 - 8 * $0) & 0xff) }
  }
}

extension FakeToken {
  /// The token as an encapsulated message: `01 03 len token`.
  public func message(key: UInt64, type: UInt8 = 0x03) -> [UInt8] {
    let octets = self.octets(key: key)
    return [0x01, type, UInt8(octets.count >> 8 & 0xff), UInt8(octets.count & 0xff)] + octets
  }
}
