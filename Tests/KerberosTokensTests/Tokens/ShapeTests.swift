import Testing

@testable import KerberosTokens

@Suite struct ShapeTests {
  private func refusal(_ body: () throws(TokenRefusal) -> Void) -> TokenRefusal? {
    do throws(TokenRefusal) { try body() } catch { return error }
    return nil
  }

  @Test(arguments: EncryptionType.allCases)
  func everySealedLengthAndExtraCountIsJudged(type: EncryptionType) {
    let least = 48 + type.checksumLength
    for length in 0..<200 {
      for extra in [0, 1, 15, 16, 28, 100, 150, 65_535] {
        let header = TokenHeader(flags: .sealed, extraCount: UInt16(extra), sequenceNumber: 0)
        var shape: SealedShape?
        let refusal = refusal { () throws(TokenRefusal) in
          shape = try SealedShape(tokenLength: length, header: header, type: type)
        }
        let expected: TokenRefusal? =
          length < least ? .tooShort : length - least < extra ? .wrongExtraCount : nil
        #expect(refusal == expected, "\(length) octets, EC \(extra)")
        guard let shape else { continue }
        #expect(shape.plaintextLength == length - least - extra)
        #expect(shape.tokenLength == length)
        #expect(shape.stealing.paddedLength >= 32)
      }
    }
  }

  @Test(arguments: EncryptionType.allCases)
  func everySignedLengthAndExtraCountIsJudged(type: EncryptionType) {
    for length in 0..<100 {
      for extra in 0..<50 {
        let header = TokenHeader(flags: [], extraCount: UInt16(extra), sequenceNumber: 0)
        var shape: SignedShape?
        let refusal = refusal { () throws(TokenRefusal) in
          shape = try SignedShape(tokenLength: length, header: header, type: type)
        }
        let expected: TokenRefusal? =
          length < 16 + type.checksumLength ? .tooShort : extra != type.checksumLength ? .wrongExtraCount : nil
        #expect(refusal == expected, "\(length) octets, EC \(extra)")
        #expect(shape.map { $0.plaintextLength == length - 16 - extra && $0.tokenLength == length } ?? true)
      }
    }
  }

  @Test(arguments: EncryptionType.allCases)
  func tokensThatAreMadeHaveTheShapeOfTokensThatCome(type: EncryptionType) throws {
    let expectation = TokenExpectation(type: type, sentByAcceptor: true, acceptorSubkey: true)
    for count in 0..<100 {
      let sealed = SealedShape(plaintextLength: count, type: type)
      #expect(sealed.tokenLength == count + type.overhead(sealed: true))
      let sealedHeader = expectation.header(sealed: true, sequenceNumber: 0)
      #expect(try SealedShape(tokenLength: sealed.tokenLength, header: sealedHeader, type: type) == sealed)
      let signed = SignedShape(plaintextLength: count, type: type)
      #expect(signed.tokenLength == count + type.overhead(sealed: false))
      let signedHeader = expectation.header(sealed: false, sequenceNumber: 0)
      #expect(try SignedShape(tokenLength: signed.tokenLength, header: signedHeader, type: type) == signed)
    }
  }

  @Test func theOverheadIsTheLibrarys() {
    let overheads = EncryptionType.allCases.map { [$0.overhead(sealed: false), $0.overhead(sealed: true)] }
    #expect(overheads == [[28, 60], [28, 60], [32, 64], [40, 72]])
  }
}
