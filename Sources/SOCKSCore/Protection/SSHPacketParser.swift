internal import NIOCore

/// Follows one direction of an SSH connection up to its NEWKEYS message (RFC 4253 sections 4.2, 6 and 7.3). What comes
/// after is encrypted and shows no header to follow.
struct SSHPacketParser: Hashable, Sendable {
  /// "SSH-protoversion-softwareversion"; a server that sends other lines first is not recognized.
  static let firstOctet: UInt8 = 0x53
  private static let identificationStart = Array("SSH-2.0-".utf8)
  /// "The maximum length of the string is 255 characters, including the Carriage Return and Line Feed."
  private static let maximumIdentificationLength = 255
  /// "All implementations MUST be able to process packets … with a total packet size of 35000 octets or less".
  private static let packetLengths = 5...35_000
  private static let newKeys: UInt8 = 21
  /// packet_length (4), padding_length (1), and the first octet of the payload: the message number.
  private static let headerLength = 6

  private enum State: Hashable {
    case identification(octets: Int)
    case packetHeader(octets: Int)
    case packetBody(remaining: Int, isNewKeys: Bool)
    case encrypted
  }

  private(set) var hasFailed = false
  private var state: State = .identification(octets: 0)
  private var header: UInt64 = 0

  mutating func consume(_ octets: ByteBufferView) -> Bool {
    if case .encrypted = self.state { return true }
    var rest = octets[...]
    while !rest.isEmpty {
      if case .packetBody(let remaining, let isNewKeys) = self.state {
        let count = min(remaining, rest.count)
        rest = rest.dropFirst(count)
        self.endBody(remaining: remaining - count, isNewKeys: isNewKeys)
        continue
      }
      if case .encrypted = self.state { break }
      guard let octet = rest.popFirst() else { break }
      guard self.consume(octet) else {
        self.hasFailed = true
        return false
      }
    }
    // These bytes began unencrypted.
    return false
  }

  /// Takes one octet of the identification or of a packet's header; false when it does not fit.
  private mutating func consume(_ octet: UInt8) -> Bool {
    switch self.state {
    case .identification(let octets):
      if octets < Self.identificationStart.count, octet != Self.identificationStart[octets] { return false }
      if octet == 0x0a, octets >= Self.identificationStart.count {
        self.state = .packetHeader(octets: 0)
        return true
      }
      self.state = .identification(octets: octets + 1)
      return octets + 1 < Self.maximumIdentificationLength
    case .packetHeader(let octets):
      self.header = self.header << 8 | UInt64(octet)
      guard octets + 1 == Self.headerLength else {
        self.state = .packetHeader(octets: octets + 1)
        return true
      }
      let length = Int(self.header >> 16 & 0xffff_ffff)
      let message = UInt8(self.header & 0xff)
      self.header = 0
      guard Self.packetLengths.contains(length) else { return false }
      // Two of the packet_length octets have been read with the header.
      self.endBody(remaining: length - 2, isNewKeys: message == Self.newKeys)
      return true
    case .packetBody, .encrypted:
      return true
    }
  }

  private mutating func endBody(remaining: Int, isNewKeys: Bool) {
    if remaining > 0 {
      self.state = .packetBody(remaining: remaining, isNewKeys: isNewKeys)
    } else {
      self.state = isNewKeys ? .encrypted : .packetHeader(octets: 0)
    }
  }
}
