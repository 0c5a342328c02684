/// Test vectors of RFC 3961 (appendix A.1), RFC 3962 (appendix B) and RFC 8009 (appendix A).
enum Vectors {
  static let folded: [(input: String, result: [UInt8])] = [
    ("012345", octets("be072631276b1955")),
    ("password", octets("78a07b6caf85fa")),
    ("Rough Consensus, and Running Code", octets("bb6ed30870b7f0e0")),
    ("password", octets("59e4a8ca7c0385c3c37b3f6d2000247cb6e6bd5b3e")),
    ("kerberos", octets("6b65726265726f737b9b5b2b93132b93")),
  ]

  static let derived: [(type: EncryptionType, key: [UInt8], purpose: KeyDerivation.Purpose, result: [UInt8])] = {
    let base128 = octets("3705d96080c17728a0e800eab6e0d23c")
    let base256 = octets("6d404d37faf79f9df0d33568d320669800eb4836472ea8a026d16b7182460c52")
    return [
      (.aes128SHA256, base128, .checksum, octets("b31a018a48f54776f403e9a396325dc3")),
      (.aes128SHA256, base128, .encryption, octets("9b197dd1e8c5609d6e67c3e37c62c72e")),
      (.aes128SHA256, base128, .integrity, octets("9fda0e56ab2d85e1569a688696c26a6c")),
      (.aes256SHA384, base256, .checksum, octets("ef5718be86cc84963d8bbb5031e9f5c4ba41f28faf69e73d")),
      (
        .aes256SHA384, base256, .encryption,
        octets("56ab22bee63d82d7bc5227f6773f8ea7a5eb1c825160c38312980c442e5c7e49")
      ),
      (.aes256SHA384, base256, .integrity, octets("69b16514e3cd8e56b82010d5c73012b622c4d00ffc23ed1f")),
    ]
  }()

  static let stealingKey = octets("636869636b656e207465726979616b69")

  static let stolen: [(input: [UInt8], output: [UInt8])] = {
    let text = Array("I would like the General Gau's Chicken, please, and wonton soup.".utf8)
    return [
      (17, "c6353568f2bf8cb4d8a580362da7ff7f97"),
      (31, "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5"),
      (32, "39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584"),
      (47, "97687268d6ecccc0c07b25e25ecfe584b3fffd940c16a18c1b5549d2f838029e39312523a78662d5be7fcbcc98ebf5"),
      (48, "97687268d6ecccc0c07b25e25ecfe5849dad8bbb96c4cdc03bc103e1a194bbd839312523a78662d5be7fcbcc98ebf5a8"),
      (
        64,
        "97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a84807efe836ee89a526730dbc2f7bc8409dad8bbb96c4cdc03bc103e1a194bbd8"
      ),
    ].map { (Array(text.prefix($0)), octets($1)) }
  }()

  private static func octets(_ hexadecimal: String) -> [UInt8] {
    let digits = hexadecimal.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }
}
