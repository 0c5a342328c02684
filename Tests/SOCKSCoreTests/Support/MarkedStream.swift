import Testing

/// A stream of TLS records or SSH packets that knows of each octet whether it lies inside encryption.
struct MarkedStream: Sendable, CustomTestStringConvertible {
  var name: String
  private(set) var octets: [UInt8] = []
  private(set) var isEncrypted: [Bool] = []
  /// Where each record or packet begins, and the end.
  private(set) var boundaries: [Int] = [0]

  var testDescription: String { self.name }

  init(_ name: String) { self.name = name }

  mutating func append(_ octets: [UInt8], isEncrypted: Bool) {
    self.octets += octets
    self.isEncrypted += octets.map { _ in isEncrypted }
    self.boundaries.append(self.octets.count)
  }

  /// `type 03 03 length fragment` (RFC 8446 section 5.1)
  mutating func record(_ type: UInt8, _ length: Int, isEncrypted: Bool = false) {
    let header: [UInt8] = [type, 0x03, 0x03, UInt8(length >> 8), UInt8(length & 0xff)]
    self.append(header + (0..<length).map { UInt8($0 % 251) }, isEncrypted: isEncrypted)
  }

  /// `packet_length padding_length message …` (RFC 4253 section 6)
  mutating func packet(_ message: UInt8, _ length: Int) {
    let header: [UInt8] = [
      UInt8(length >> 24 & 0xff), UInt8(length >> 16 & 0xff), UInt8(length >> 8 & 0xff), UInt8(length & 0xff), 4,
      message,
    ]
    self.append(header + (0..<(length - 2)).map { UInt8($0 % 251) }, isEncrypted: false)
  }
}

extension MarkedStream {
  static let changeCipherSpec: UInt8 = 20
  static let alert: UInt8 = 21
  static let handshake: UInt8 = 22
  static let applicationData: UInt8 = 23

  static var handshakes: [MarkedStream] {
    [tls12, tls13, tls13WithoutChangeCipherSpec, tls13AfterHelloRetryRequest, ssh]
  }

  /// Client hello, key exchange, change, Finished, data, alert.
  static var tls12: MarkedStream {
    var stream = MarkedStream("TLS 1.2")
    stream.record(handshake, 40)
    stream.record(handshake, 20)
    stream.record(changeCipherSpec, 1)
    stream.record(handshake, 24)
    stream.record(applicationData, 30, isEncrypted: true)
    stream.record(applicationData, 1, isEncrypted: true)
    stream.record(alert, 18)
    stream.record(applicationData, 12, isEncrypted: true)
    return stream
  }

  /// Hello, the change for middleboxes, then everything looks like data.
  static var tls13: MarkedStream {
    var stream = MarkedStream("TLS 1.3")
    stream.record(handshake, 50)
    stream.record(changeCipherSpec, 1)
    stream.record(applicationData, 40, isEncrypted: true)
    stream.record(applicationData, 25, isEncrypted: true)
    return stream
  }

  /// The first type-23 record is the change itself, and is not counted on.
  static var tls13WithoutChangeCipherSpec: MarkedStream {
    var stream = MarkedStream("TLS 1.3 without a change")
    stream.record(handshake, 50)
    stream.record(applicationData, 40)
    stream.record(applicationData, 25, isEncrypted: true)
    stream.record(applicationData, 7, isEncrypted: true)
    return stream
  }

  /// The second hello comes in clear after the change.
  static var tls13AfterHelloRetryRequest: MarkedStream {
    var stream = MarkedStream("TLS 1.3 after HelloRetryRequest")
    stream.record(handshake, 50)
    stream.record(changeCipherSpec, 1)
    stream.record(handshake, 50)
    stream.record(applicationData, 30, isEncrypted: true)
    stream.record(applicationData, 5, isEncrypted: true)
    return stream
  }

  /// Identification, KEXINIT, a key exchange message, NEWKEYS, then nothing that can be read.
  static var ssh: MarkedStream {
    var stream = MarkedStream("SSH")
    stream.append(Array("SSH-2.0-OpenSSH_9.2p1 Debian\r\n".utf8), isEncrypted: false)
    stream.packet(20, 60)
    stream.packet(30, 44)
    stream.packet(21, 12)
    stream.append((0..<60).map { UInt8($0 * 7 % 256) }, isEncrypted: true)
    stream.append([0x05, 0x16, 0x53], isEncrypted: true)
    return stream
  }
}
