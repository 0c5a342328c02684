/// RRC (RFC 4121 section 4.2.5): a sender may turn the body to the right, and the receiver must turn it back. The
/// count is protected by nothing and may exceed the body: it counts modulo the body's length, and a token with another
/// count can be the same token.
enum TokenRotation {
  /// How many octets at the body's beginning belong at its end.
  static func distance(rightRotationCount: UInt16, bodyLength: Int) -> Int {
    bodyLength > 0 ? Int(rightRotationCount) % bodyLength : 0
  }

  /// Turns the body back.
  ///
  /// - Parameter scratch: room for the rotated octets. Turning in place without it takes many times longer, at the
  ///   choice of the peer.
  static func undo(_ token: TokenMemory, rightRotationCount: UInt16, scratch: TokenMemory) {
    let body = TokenHeader.octetCount..<token.count
    let distance = distance(rightRotationCount: rightRotationCount, bodyLength: body.count)
    guard distance > 0 else { return }
    let start = body.lowerBound
    token.copy(start..<start + distance, to: 0, of: scratch)
    token.copy(start + distance..<body.upperBound, to: start)
    scratch.copy(0..<distance, to: body.upperBound - distance, of: token)
  }
}
