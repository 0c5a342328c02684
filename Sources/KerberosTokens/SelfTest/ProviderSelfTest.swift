/// Holds a provider against vectors of the RFCs and against another implementation: every type, both roles, signed and
/// sealed, in batches that take every way through the provider, each also with one token altered in its middle. Needs no
/// key distribution centre and no context; takes about 20 ms in a release build.
public struct ProviderSelfTest {
  /// Batches: one, two, and both sides of every number from which on a provider goes another way.
  static let batches = [1, 2, 5, 6, 8, 9, 16]
  /// Octets of the messages: short ones, and such as a wide provider takes at once.
  static let lengths = [0, 600]

  let provider: CipherProvider
  let reference: ReferenceCryptography

  /// How many comparisons were made.
  private(set) var checks = 0

  /// Tests one provider. A recipe's providers are all alike: once for a process is enough.
  ///
  /// - Returns: how many comparisons were made.
  /// - Throws: at the first difference.
  @discardableResult
  public static func run(_ provider: CipherProvider, against reference: ReferenceCryptography) throws(SelfTestFailure)
    -> Int
  {
    var test = ProviderSelfTest(provider: provider, reference: reference)
    try test.compareVectors()
    for type in EncryptionType.allCases {
      for isInitiator in [false, true] {
        try test.compare(type, isInitiator: isInitiator)
      }
    }
    return test.checks
  }

  private init(provider: CipherProvider, reference: ReferenceCryptography) {
    self.provider = provider
    self.reference = reference
  }

  mutating func check(_ holds: Bool, _ text: @autoclosure () -> String) throws(SelfTestFailure) {
    guard holds else { throw SelfTestFailure(text()) }
    checks += 1
  }

  private mutating func compare(_ type: EncryptionType, isInitiator: Bool) throws(SelfTestFailure) {
    let key = Self.randomOctets(type.keyLength)
    var session = try makeSession(key, type, isInitiator: isInitiator)
    for sealed in [false, true] {
      for batch in Self.batches {
        for length in Self.lengths {
          // All of one batch differ, and not all end with a block.
          let messages = (0..<batch).map { Self.randomOctets(length + $0 % 4 * 5) }
          let label =
            "\(type), \(isInitiator ? "initiator" : "acceptor"), \(sealed ? "sealed" : "signed"), \(batch) × \(length)"
          try compareWrapping(&session, key, messages, sealed: sealed, label)
          try compareUnwrapping(&session, key, messages, sealed: sealed, label)
        }
      }
    }
  }

  private func makeSession(
    _ key: [UInt8], _ type: EncryptionType, isInitiator: Bool
  ) throws(SelfTestFailure) -> TokenSession {
    let parameters = TokenSession.Parameters(
      type: type, isInitiator: isInitiator, hasAcceptorSubkey: true, nextSendNumber: 0xffff_fff0,
      receiveOrder: .judgedByCaller, endTime: 0)
    do throws(TokenSessionError) {
      return unsafe try TokenSession(key: key.span.bytes, parameters, provider: provider)
    } catch {
      throw SelfTestFailure("\(type): no session: \(error)")
    }
  }

  static func randomOctets(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    // Each word is a system call.
    return (0..<(count + 7) / 8).flatMap { _ in
      let word = generator.next()
      return (0..<8).map { UInt8(word >> ($0 * 8) & 0xff) }
    }.dropLast((8 - count % 8) % 8)
  }
}
