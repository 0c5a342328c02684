import NIOCore

extension ByteBuffer {
  /// The octets that have not been read.
  var octets: [UInt8] { Array(self.readableBytesView) }

  init(_ octets: UInt8...) { self.init(bytes: octets) }
}

extension [UInt8] {
  /// Reads `05 01 00`; white space is free.
  init(hex text: String) {
    let digits = text.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
    self = stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }
}

/// `05 01 00`, for the messages of failed tests.
func hex(_ octets: [UInt8]) -> String {
  octets.map { ($0 < 0x10 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
}
