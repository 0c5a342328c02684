/// The frame of an initiator's first token (RFC 2743 section 3.1): `60 length 06 length identifier …`. Pure.
enum InitialToken {
  /// The mechanism that the frame names, or `nil` when it is no such frame.
  static func mechanism(_ token: [UInt8]) -> GSSMechanism? {
    var rest = token[...]
    guard rest.popFirst() == 0x60, let length = rest.popFirst() else { return nil }
    // A long length: the low seven bits count its octets, of which four are plenty.
    if length & 0x80 != 0 {
      let count = Int(length & 0x7f)
      guard (1...4).contains(count), rest.count >= count else { return nil }
      rest.removeFirst(count)
    }
    guard rest.popFirst() == 0x06, let count = rest.popFirst(), count < 0x80, rest.count >= Int(count) else {
      return nil
    }
    return GSSMechanism(octets: Array(rest.prefix(Int(count))))
  }
}
