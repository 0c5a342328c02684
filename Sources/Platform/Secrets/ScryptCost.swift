/// The parameters of scrypt (RFC 7914 section 2).
public struct ScryptCost: Hashable, Sendable {
  /// The binary logarithm of N, 1 to 63.
  public let logN: Int
  /// The block size r, in 128 octets.
  public let blockSize: Int
  /// The parallelisation p: how often the work is done, one after the other.
  public let parallelisation: Int

  public init(logN: Int, blockSize: Int, parallelisation: Int) {
    self.logN = logN
    self.blockSize = blockSize
    self.parallelisation = parallelisation
  }

  /// 16 MiB, and 50 to 100 ms on a processor of today: what new hashes cost. Programs make a connection, and a check with it,
  /// for each thing that they fetch.
  public static let standard = ScryptCost(logN: 14, blockSize: 8, parallelisation: 1)

  /// Whether a hash of this cost is worth keeping, and a check can be paid for: at most 64 MiB (which is what
  /// `mkpasswd -m scrypt` writes) and eight times the standard work, at least a sixteenth of it.
  public var isAcceptable: Bool {
    guard (10...20).contains(self.logN), (1...64).contains(self.blockSize), (1...64).contains(self.parallelisation)
    else { return false }
    let work = (1 << self.logN) * self.blockSize * self.parallelisation
    return (128 << self.logN) * self.blockSize <= Self.maximumMemory && ((1 << 13)...(1 << 20)).contains(work)
  }

  /// What one check may take, in octets.
  public static let maximumMemory = 64 << 20
}

extension ScryptCost {
  /// crypt(3)'s digits: six bits each, the lowest first.
  static let alphabet = Array("./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
  /// One digit for log N, five each for r and p.
  static let encodedLength = 11

  /// Reads what follows `$7$`.
  init?(setting octets: some Collection<UInt8>) {
    let digits = octets.prefix(Self.encodedLength).compactMap { Self.alphabet.firstIndex(of: $0) }
    guard digits.count == Self.encodedLength else { return nil }
    func number(_ digits: ArraySlice<Int>) -> Int { digits.reversed().reduce(0) { $0 << 6 | $1 } }
    self.init(logN: digits[0], blockSize: number(digits[1...5]), parallelisation: number(digits[6...10]))
  }

  var encoded: [UInt8] {
    func digits(_ number: Int, _ count: Int) -> [UInt8] { (0..<count).map { Self.alphabet[number >> (6 * $0) & 63] } }
    return digits(self.logN, 1) + digits(self.blockSize, 5) + digits(self.parallelisation, 5)
  }
}
