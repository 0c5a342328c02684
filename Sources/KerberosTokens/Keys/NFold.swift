/// n-fold (RFC 3961 section 5.1): stretches or compresses octets to a wanted length, every input bit counting about
/// equally. Copies of the input, each turned right by 13 bits more than the one before, are added in one's complement.
enum NFold {
  static func fold(_ input: [UInt8], to length: Int) -> [UInt8] {
    guard !input.isEmpty, length > 0 else { return [] }
    let total = leastCommonMultiple(input.count, length)
    var sums = [Int](repeating: 0, count: length)
    for index in 0..<total {
      sums[index % length] += Int(octet(index, of: input))
    }
    // One's complement: what is carried out of the first octet comes in again at the last.
    while sums.contains(where: { $0 > 0xff }) {
      var carry = 0
      for index in sums.indices.reversed() {
        let sum = sums[index] + carry
        sums[index] = sum & 0xff
        carry = sum >> 8
      }
      sums[length - 1] += carry
    }
    return sums.map { UInt8($0) }
  }

  /// One octet of the input's turned copies, one behind the other.
  private static func octet(_ index: Int, of input: [UInt8]) -> UInt8 {
    let (copy, place) = index.quotientAndRemainder(dividingBy: input.count)
    let bits = input.count * 8
    let firstBit = ((place * 8 - 13 * copy) % bits + bits) % bits
    let high = UInt16(input[firstBit / 8])
    let low = UInt16(input[(firstBit / 8 + 1) % input.count])
    return UInt8((high << 8 | low) >> (8 - firstBit % 8) & 0xff)
  }

  private static func leastCommonMultiple(_ one: Int, _ other: Int) -> Int {
    var (a, b) = (one, other)
    while b != 0 { (a, b) = (b, a % b) }
    return one / a * other
  }
}
