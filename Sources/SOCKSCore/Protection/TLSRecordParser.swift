internal import NIOCore

/// Follows the record headers of one direction of a TLS connection (RFC 8446 section 5.1): `type version length`.
///
/// Only application data (type 23) is taken for encrypted, and only after the direction's first ChangeCipherSpec or
/// type-23 record has passed. Other records after the change stay sealed: after a HelloRetryRequest a second hello in
/// clear follows a ChangeCipherSpec.
struct TLSRecordParser: Hashable, Sendable {
  /// A connection begins with a handshake record.
  static let firstOctet = ContentType.handshake

  enum ContentType {
    static let changeCipherSpec: UInt8 = 20
    static let handshake: UInt8 = 22
    static let applicationData: UInt8 = 23
    /// Alerts (21) and heartbeats (24) included.
    static let known: ClosedRange<UInt8> = 20...24
  }

  /// 2^14 of plaintext and at most 2,048 more under encryption (RFC 5246 section 6.2.3).
  static let maximumRecordLength = 16_384 + 2_048

  private(set) var hasFailed = false
  private var hasChanged = false
  /// The header's octets that have come: at most 4, kept as one number.
  private var header: UInt64 = 0
  private var headerOctets = 0
  private var bodyRemaining = 0
  private var bodyType: UInt8 = 0
  /// The record being read began after the change.
  private var bodyIsAfterChange = false

  private static let headerLength = 5

  mutating func consume(_ octets: ByteBufferView) -> Bool {
    var rest = octets[...]
    var allEncrypted = true
    while !rest.isEmpty {
      if self.bodyRemaining > 0 {
        let count = min(self.bodyRemaining, rest.count)
        rest = rest.dropFirst(count)
        self.bodyRemaining -= count
        if !(self.bodyIsAfterChange && self.bodyType == ContentType.applicationData) { allEncrypted = false }
        if self.bodyRemaining == 0 { self.endRecord() }
        continue
      }
      guard let octet = rest.popFirst() else { break }
      if !self.hasChanged { allEncrypted = false }
      self.header = self.header << 8 | UInt64(octet)
      self.headerOctets += 1
      guard self.headerOctets == Self.headerLength else { continue }
      guard self.beginRecord() else {
        self.hasFailed = true
        return false
      }
      if self.bodyType != ContentType.applicationData { allEncrypted = false }
    }
    // Octets of a header that is not complete may turn out to be something else.
    return allEncrypted && self.headerOctets == 0
  }

  /// Reads the header; false when it is none.
  private mutating func beginRecord() -> Bool {
    let type = UInt8(self.header >> 32 & 0xff)
    let majorVersion = self.header >> 24 & 0xff
    let length = Int(self.header & 0xffff)
    self.header = 0
    self.headerOctets = 0
    guard ContentType.known.contains(type), majorVersion == 3, (1...Self.maximumRecordLength).contains(length) else {
      return false
    }
    self.bodyType = type
    self.bodyRemaining = length
    self.bodyIsAfterChange = self.hasChanged
    return true
  }

  private mutating func endRecord() {
    if self.bodyType == ContentType.changeCipherSpec || self.bodyType == ContentType.applicationData {
      self.hasChanged = true
    }
  }
}
