import GSSAPI
import Testing

/// The forms that take and fill the caller's memory.
@Suite struct SpanTests {
  @Test(arguments: [false, true])
  func tokensAndPlaintextsAreAppended(confidential: Bool) async throws {
    var pair = try await KerberosFixture.ready().established()
    let overhead = confidential ? 60 : 28
    for count in [0, 1, 300, 65_475] {
      let plaintext = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
      let output = try filled(capacity: 3 + count + overhead) { output in
        unsafe output.append(repeating: 0xee, count: 3, as: UInt8.self)
        let sealed = unsafe try pair.initiator.wrap(
          plaintext.span.bytes, confidential: confidential, into: &output)
        #expect(sealed == confidential)
      }
      #expect(output.count == 3 + count + overhead && output.prefix(3) == [0xee, 0xee, 0xee])
      let token = Array(output.dropFirst(3))
      let number = try #require(KerberosTokenHeader(token)).sequenceNumber
      let opened = try filled(capacity: 2 + token.count) { output in
        unsafe output.append(repeating: 0xdd, count: 2, as: UInt8.self)
        let message = try unwrap(token, with: &pair.acceptor, into: &output)
        #expect(message.plaintextLength == count && message.confidential == confidential)
        #expect(message.status.isEmpty && message.sequenceNumber == number)
      }
      #expect(opened == [0xdd, 0xdd] + plaintext)
    }
  }

  /// Refused before the library is asked: the numbers go on without a gap.
  @Test(arguments: [false, true])
  func tooLittleRoomCostsNoMessage(confidential: Bool) async throws {
    var pair = try await KerberosFixture.ready().established()
    let overhead = confidential ? 60 : 28
    let first = try #require(KerberosTokenHeader(try pair.initiator.wrap([], confidential: confidential).token))
    let nothing = filled(capacity: 10 + overhead - 1) { output in
      let plaintext = [UInt8](repeating: 1, count: 10)
      let error = failure {
        unsafe try pair.initiator.wrap(plaintext.span.bytes, confidential: confidential, into: &output)
      }
      #expect(error?.isMisuse == true)
    }
    #expect(nothing.isEmpty)
    let token = try pair.initiator.wrap([5], confidential: confidential).token
    #expect(KerberosTokenHeader(token)?.sequenceNumber == first.sequenceNumber + 1)

    let still = filled(capacity: token.count - 1) { output in
      #expect(failure { try unwrap(token, with: &pair.acceptor, into: &output) }?.isMisuse == true)
    }
    #expect(still.isEmpty)
    #expect(try pair.acceptor.unwrap(token).plaintext == [5])
  }

  private func unwrap(
    _ token: [UInt8], with context: inout GSSSecurityContext, into output: inout OutputRawSpan
  ) throws -> GSSUnwrapped {
    var copy = token
    var span = copy.mutableSpan
    var octets = unsafe span.mutableBytes
    return try context.unwrap(&octets, into: &output)
  }

  /// What `body` wrote into fresh memory of `capacity` octets.
  private func filled(capacity: Int, _ body: (inout OutputRawSpan) throws -> Void) rethrows -> [UInt8] {
    var memory = [UInt8](repeating: 0, count: capacity)
    let count = try unsafe memory.withUnsafeMutableBytes { bytes in
      var output = unsafe OutputRawSpan(buffer: bytes, initializedCount: 0)
      try body(&output)
      return unsafe output.finalize(for: bytes)
    }
    return Array(memory.prefix(count))
  }
}
