/// Reads the elements of a DER encoding one after the other (ITU-T X.690 sections 8.1 and 10.1). Pure and total: what
/// cannot be read is `nil`, and nothing outside the bytes given is looked at.
///
/// Lengths are definite and at most four bytes long; lengths with leading zeros are read too, as Kerberos libraries do.
struct DERReader {
  /// What has not been read yet.
  private(set) var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) {
    rest = bytes
  }

  var isAtEnd: Bool { rest.isEmpty }

  /// The next element, whatever its tag; tags above 30 do not occur in what is read here.
  mutating func next() -> (tag: UInt8, contents: ArraySlice<UInt8>)? {
    var bytes = rest
    guard let tag = bytes.popFirst(), tag & 0x1f != 0x1f, let first = bytes.popFirst() else { return nil }
    var length = Int(first)
    if first & 0x80 != 0 {
      let count = Int(first & 0x7f)
      guard (1...4).contains(count), bytes.count >= count else { return nil }
      length = bytes.prefix(count).reduce(0) { $0 << 8 | Int($1) }
      bytes = bytes.dropFirst(count)
    }
    guard (0...bytes.count).contains(length) else { return nil }
    rest = bytes.dropFirst(length)
    return (tag, bytes.prefix(length))
  }

  /// The contents of the next element, which must have this tag; otherwise nothing is read.
  mutating func element(_ tag: UInt8) -> ArraySlice<UInt8>? {
    var ahead = self
    guard let next = ahead.next(), next.tag == tag else { return nil }
    self = ahead
    return next.contents
  }

  /// The elements inside the next one, which must have these tags, from the outside in, each the only one in the one
  /// around it.
  mutating func nested(_ tags: UInt8...) -> DERReader? {
    guard let first = tags.first, let outermost = element(first) else { return nil }
    var contents = outermost
    for tag in tags.dropFirst() {
      var reader = DERReader(contents)
      guard let inner = reader.element(tag), reader.isAtEnd else { return nil }
      contents = inner
    }
    return DERReader(contents)
  }

  /// The INTEGER in the next element, an explicit tag around it; `nil` when it has more than 32 bits.
  mutating func integer(explicit tag: UInt8) -> Int32? {
    guard let bytes = nested(tag, 0x02)?.rest, (1...4).contains(bytes.count), let sign = bytes.first else { return nil }
    let start: UInt32 = sign & 0x80 == 0 ? 0 : .max
    return Int32(bitPattern: bytes.reduce(start) { $0 << 8 | UInt32($1) })
  }
}
