import Platform
import Testing

/// Hashes in crypt(3)'s scrypt format.
@Suite struct ScryptHashTests {
  /// Cheap enough to make many.
  static let cheap = ScryptCost(logN: 10, blockSize: 8, parallelisation: 1)

  /// N = 2^14, r = 8, p = 1, made by another implementation of the format (the vector that scrypt's author published for
  /// `pleaseletmein` and `SodiumChloride` is in the RFC's raw form; this is the same in crypt's).
  static let vector = "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D"

  @Test func aHashOfAnotherProgramIsChecked() throws {
    let hash = try ScryptHash(parsing: Self.vector)
    #expect(hash.cost == ScryptCost(logN: 14, blockSize: 8, parallelisation: 1))
    #expect(hash.cost == .standard)
    #expect(hash.matches(Array("pleaseletmein".utf8)) == true)
    #expect(hash.matches(Array("pleaseletmeim".utf8)) == false)
  }

  @Test func ourOwnHashesAreChecked() throws {
    for password in ["a", "päßword 🔑", " ", "$7$:\n", String(repeating: "x", count: 255)] {
      let hash = try ScryptHash(of: Array(password.utf8), cost: Self.cheap)
      #expect(try ScryptHash(parsing: hash.text) == hash)
      #expect(hash.matches(Array(password.utf8)) == true)
      #expect(hash.matches(Array(password.utf8.dropLast())) == false)
      #expect(hash.matches(Array(password.utf8) + [0x78]) == false)
      #expect(hash.matches([]) == false)
    }
  }

  /// crypt(3) takes a C string: what stands behind a NUL must not be left out of the comparison.
  @Test func nothingIsCutOff() throws {
    let hash = try ScryptHash(of: Array("secret".utf8), cost: Self.cheap)
    #expect(hash.matches(Array("secret\0".utf8)) == false)
    #expect(hash.matches(Array("secret\0more".utf8)) == false)
    // What is hashed in the place of an unusable password opens nothing either.
    let replacement = try ScryptHash(of: [0x78], cost: Self.cheap)
    for unusable in [[], [0], [0x78, 0], [UInt8](repeating: 0x78, count: 256)] as [[UInt8]] {
      #expect(replacement.matches(unusable) == false)
      #expect(throws: ScryptHashError.unusablePassword) { try ScryptHash(of: unusable, cost: Self.cheap) }
    }
  }

  @Test func saltsDiffer() throws {
    let hashes = try (0..<20).map { _ in try ScryptHash(of: [0x61], cost: Self.cheap).text }
    #expect(Set(hashes).count == hashes.count)
  }

  @Test func everyTruncationIsRefused() {
    for length in 0..<Self.vector.utf8.count {
      #expect(throws: ScryptHashError.self) { try ScryptHash(parsing: String(Self.vector.prefix(length))) }
    }
  }

  @Test(
    arguments: [
      "", "x", "*", "$7$", "$1$abc$def", "$y$j9T$abc$def", "$6$salt$" + String(repeating: "a", count: 86),
      vector + "x", vector + "$", vector + "\n", "$7$C6..../....$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
      "$7$C6..../....So:ium$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
      "$7$C6..../....So$ium$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
      "$7$!6..../....Salt$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
      "$7$C6..../...." + String(repeating: "S", count: 150) + "$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
    ])
  func otherFormatsAreRefused(text: String) {
    #expect(throws: ScryptHashError.otherFormat) { try ScryptHash(parsing: text) }
  }

  /// What a file may ask for is bounded before the library is called.
  @Test(
    arguments: [
      (9, 8, 1, false), (10, 7, 1, false), (10, 8, 1, true), (14, 8, 1, true), (14, 32, 1, true), (14, 33, 1, false),
      (16, 8, 1, true), (17, 8, 1, false), (14, 8, 8, true), (14, 8, 9, false), (14, 32, 3, false), (0, 8, 1, false),
      (63, 8, 1, false), (14, 0, 1, false), (14, 8, 0, false), (14, 1 << 29, 1, false), (14, 8, 1 << 29, false),
      (20, 1, 1, false), (16, 1, 16, true),
    ])
  func costsAreBounded(logN: Int, blockSize: Int, parallelisation: Int, isAcceptable: Bool) throws {
    let cost = ScryptCost(logN: logN, blockSize: blockSize, parallelisation: parallelisation)
    #expect(cost.isAcceptable == isAcceptable)
    guard !isAcceptable else { return }
    #expect(throws: ScryptHashError.unacceptableCost) { try ScryptHash(of: [0x61], cost: cost) }
    // The same in a file.
    let digits = Array("./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    func five(_ number: Int) -> String { String((0..<5).map { digits[number >> (6 * $0) & 63] }) }
    let text = "$7$\(digits[logN])\(five(blockSize))\(five(parallelisation))Salt$" + Self.vector.suffix(43)
    #expect(throws: ScryptHashError.unacceptableCost) { try ScryptHash(parsing: text) }
  }

  @Test func nothingShowsAHash() throws {
    let hash = try ScryptHash(parsing: Self.vector)
    var dumped = ""
    dump(hash, to: &dumped)
    for shown in ["\(hash)", String(reflecting: hash), "\([hash])", dumped] { #expect(!shown.contains("kBGj9")) }
  }
}
