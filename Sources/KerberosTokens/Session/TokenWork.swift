/// One token of a batch while it is made or opened.
struct TokenWork {
  enum Shape {
    case sealed(SealedShape)
    case signed(SignedShape)
  }

  /// The token, and behind it the spare octets.
  let memory: TokenMemory
  /// Octets of the token.
  let length: Int
  let header: TokenHeader
  let shape: Shape
  /// What a token that is opened had from its checksum on, spare octets included.
  var kept = KeptOctets()
  var refusal: TokenRefusal?

  var isSealed: Bool {
    if case .sealed = shape { true } else { false }
  }

  /// The shape of a sealed token that nothing speaks against so far.
  var soundSealed: SealedShape? {
    guard refusal == nil, case .sealed(let shape) = shape else { return nil }
    return shape
  }

  /// The shape of a signed token that nothing speaks against so far.
  var soundSigned: SignedShape? {
    guard refusal == nil, case .signed(let shape) = shape else { return nil }
    return shape
  }

  var checksumStart: Int {
    switch shape {
    case .sealed(let shape): shape.checksumStart
    case .signed(let shape): shape.checksumStart
    }
  }

  var checksumLength: Int { length - checksumStart }

  /// Where the plaintext lies in the token.
  var plaintext: Range<Int> {
    switch shape {
    case .sealed(let shape): shape.plaintextStart..<shape.plaintextStart + shape.plaintextLength
    case .signed(let shape): shape.plaintextStart..<shape.plaintextStart + shape.plaintextLength
    }
  }
}

/// Up to 32 octets put aside.
struct KeptOctets {
  private var octets = SIMD32<UInt8>()
  private var count = 0

  init() {}

  init(_ range: Range<Int>, of token: TokenMemory) {
    count = min(range.count, 32)
    let kept = range.lowerBound..<range.lowerBound + count
    unsafe withUnsafeMutableBytes(of: &octets) { memory in
      unsafe memory.copyMemory(from: UnsafeRawBufferPointer(start: token.pointer(kept), count: kept.count))
    }
  }

  /// Puts those from index `from` on back.
  func restore(from: Int, to offset: Int, of token: TokenMemory) {
    restore(from..<count, to: offset, of: token)
  }

  /// Puts the first ones back.
  func restore(count: Int, to offset: Int, of token: TokenMemory) {
    restore(0..<min(count, self.count), to: offset, of: token)
  }

  private func restore(_ range: Range<Int>, to offset: Int, of token: TokenMemory) {
    let target = unsafe token.pointer(offset..<offset + range.count)
    unsafe withUnsafeBytes(of: octets) { memory in
      unsafe UnsafeMutableRawBufferPointer(start: target, count: range.count)
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[range]))
    }
  }

  /// Whether the first octets are `other`'s, found out in the same time whatever they are.
  func begins(with other: TokenMemory, count: Int) -> Bool {
    guard count <= self.count else { return false }
    return unsafe withUnsafeBytes(of: octets) { memory in
      guard let own = unsafe memory.assumingMemoryBound(to: UInt8.self).baseAddress else { return false }
      return unsafe equalInConstantTime(own, other.pointer(0..<count), count)
    }
  }
}
