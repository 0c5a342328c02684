import Testing

@testable import KerberosTokens

@Suite struct TokenHeaderTests {
  private static let octets: [UInt8] = [
    0x05, 0x04, 0x06, 0xff, 0x12, 0x34, 0x56, 0x78, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
  ]

  private func read(_ octets: [UInt8]) throws(TokenRefusal) -> TokenHeader {
    unsafe try TokenHeader(reading: octets.span.bytes)
  }

  @Test func everyFieldIsRead() throws {
    let header = try read(Self.octets)
    #expect(header.flags == [.sealed, .acceptorSubkey])
    #expect(header.extraCount == 0x1234)
    #expect(header.rightRotationCount == 0x5678)
    #expect(header.sequenceNumber == 0x0123_4567_89ab_cdef)
    let made = TokenHeader(
      flags: [.sealed, .acceptorSubkey], extraCount: 0x1234, rightRotationCount: 0x5678,
      sequenceNumber: 0x0123_4567_89ab_cdef)
    #expect(header == made)
    #expect(try read(Self.octets + [1, 2, 3]) == made)
  }

  @Test func everyTruncationIsTooShort() {
    for count in 0..<16 {
      #expect(throws: TokenRefusal.tooShort) { try read(Array(Self.octets.prefix(count))) }
    }
  }

  /// Only the identifier and the filler are fixed; reserved flags are not looked at.
  @Test func everyValueOfEveryOctetIsJudged() throws {
    let fixed: [Int: UInt8] = [0: 0x05, 1: 0x04, 3: 0xff]
    for place in 0..<16 {
      for value in UInt8.min...UInt8.max {
        var octets = Self.octets
        octets[place] = value
        if let only = fixed[place], only != value {
          #expect(throws: TokenRefusal.notAWrapToken) { try read(octets) }
        } else {
          let header = try read(octets)
          #expect((header == (try read(Self.octets))) == (value == Self.octets[place]))
        }
      }
    }
  }

  @Test func theSealedCopyMustAgreeInEverythingButRotation() throws {
    let header = try read(Self.octets)
    #expect(header.sealedCopy.rightRotationCount == 0)
    #expect(header.sealedCopy.extraCount == header.extraCount)
    #expect(header.agrees(withSealedCopy: header.sealedCopy))
    for bit in 0..<64 {
      let first = TokenHeader(description: header.description ^ 1 << bit, sequenceNumber: header.sequenceNumber)
      #expect(header.agrees(withSealedCopy: first) == (bit < 16))
      let second = TokenHeader(description: header.description, sequenceNumber: header.sequenceNumber ^ 1 << bit)
      #expect(!header.agrees(withSealedCopy: second))
    }
  }

  @Test func theChecksummedFormHasNeitherCount() throws {
    let form = try read(Self.octets).checksummed
    #expect(form.extraCount == 0 && form.rightRotationCount == 0)
    #expect(form.flags == [.sealed, .acceptorSubkey] && form.sequenceNumber == 0x0123_4567_89ab_cdef)
  }

  @Test(arguments: [false, true], [false, true])
  func directionAndSubkeyMustBeThePeers(sentByAcceptor: Bool, subkey: Bool) {
    let expectation = TokenExpectation(type: .aes256SHA1, sentByAcceptor: sentByAcceptor, acceptorSubkey: subkey)
    for bits in UInt8.min...UInt8.max {
      let flags = TokenHeader.Flags(rawValue: bits)
      let header = TokenHeader(flags: flags, sequenceNumber: 1)
      var refusal: TokenRefusal?
      do throws(TokenRefusal) { try expectation.verify(header) } catch { refusal = error }
      let expected: TokenRefusal? =
        flags.contains(.sentByAcceptor) != sentByAcceptor
        ? .wrongDirection : flags.contains(.acceptorSubkey) != subkey ? .wrongKey : nil
      #expect(refusal == expected)
    }
  }
}
