extension ProviderSelfTest {
  /// The reference must find in our tokens what we put there.
  mutating func compareWrapping(
    _ session: inout TokenSession, _ key: [UInt8], _ messages: [[UInt8]], sealed: Bool, _ label: String
  ) throws(SelfTestFailure) {
    var pieces: [Range<Int>] = []
    var plaintext: [UInt8] = []
    for message in messages {
      pieces.append(plaintext.count..<plaintext.count + message.count)
      plaintext += message
    }
    var number = session.nextSendNumber
    let written = wrapped(&session, plaintext, pieces, sealed: sealed)
    guard let written else { throw SelfTestFailure("\(label): not wrapped") }
    var start = 0
    for message in messages {
      let end = start + session.tokenLength(for: message.count, sealed: sealed)
      try check(end <= written.count, "\(label): a token has another length")
      let token = Array(written[start..<end])
      let header = session.sending.header(sealed: sealed, sequenceNumber: number)
      try check(token.starts(with: Self.octets(header)), "\(label): another header")
      let body = Array(token[TokenHeader.octetCount...])
      let usage = Self.usage(sentByAcceptor: session.sending.sentByAcceptor)
      if sealed {
        let opened = reference.decrypt(body, key, session.type.rawValue, usage)
        try check(opened == message + Self.octets(header.sealedCopy), "\(label): the reference finds something else")
      } else {
        let checksum = reference.checksum(message + Self.octets(header.checksummed), key, session.type.rawValue, usage)
        try check(checksum.map { body == message + $0 } ?? false, "\(label): the reference's checksum differs")
      }
      number += 1
      start = end
    }
    try check(start == written.count, "\(label): octets behind the tokens")
  }

  /// We must find in the reference's tokens what it put there, and refuse one that was altered, and only that.
  mutating func compareUnwrapping(
    _ session: inout TokenSession, _ key: [UInt8], _ messages: [[UInt8]], sealed: Bool, _ label: String
  ) throws(SelfTestFailure) {
    var tokens: [Range<Int>] = []
    var octets: [UInt8] = []
    for (index, message) in messages.enumerated() {
      let header = session.receiving.header(sealed: sealed, sequenceNumber: UInt64(index))
      guard let body = referenceBody(session.receiving, header, message, key, sealed: sealed) else {
        throw SelfTestFailure("\(label): the reference makes no token")
      }
      let start = octets.count
      octets += Self.octets(header) + body
      tokens.append(start..<octets.count)
      octets += [1, 2, 3, 4]
    }
    let altered = messages.count / 2
    for alters in [false, true] {
      var memory = octets
      if alters, let place = tokens[altered].randomElement() {
        // The rotation count is protected by nothing, and another one may be the same.
        let isRotation = (6..<8).contains(place - tokens[altered].lowerBound)
        memory[isRotation ? place + 2 : place] ^= 0x10
      }
      var results: [Result<OpenedToken, TokenRefusal>] = []
      do {
        var span = memory.mutableSpan
        var bytes = unsafe span.mutableBytes
        session.unwrap(&bytes, tokens: tokens, into: &results)
      }
      try check(results.count == messages.count, "\(label): another number of verdicts")
      for (index, result) in results.enumerated() {
        let message = messages[index]
        switch result {
        case .success(let opened):
          try check(!alters || index != altered, "\(label): an altered token was opened")
          try check(
            Array(memory[opened.plaintext]) == message && opened.isSealed == sealed
              && opened.sequenceNumber == UInt64(index), "\(label): something else was opened")
        case .failure(let refusal):
          try check(alters && index == altered, "\(label): refused: \(refusal)")
          try check(memory[tokens[index]].allSatisfy { $0 == 0 }, "\(label): a refused token was not wiped")
        }
        let end = tokens[index].upperBound
        try check(
          memory[end..<end + 4].elementsEqual([1, 2, 3, 4]), "\(label): octets behind a token were not restored")
      }
    }
  }

  private func wrapped(
    _ session: inout TokenSession, _ plaintext: [UInt8], _ pieces: [Range<Int>], sealed: Bool
  ) -> [UInt8]? {
    let total = pieces.reduce(0) { $0 + $1.count + session.type.overhead(sealed: sealed) }
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: total + TokenSession.spareOctets, alignment: 16)
    defer { unsafe memory.deallocate() }
    var output = unsafe OutputRawSpan(buffer: memory, initializedCount: 0)
    do throws(TokenSessionError) {
      unsafe try session.wrap(plaintext.span.bytes, pieces: pieces, sealed: sealed, into: &output)
    } catch {
      return nil
    }
    let count = unsafe output.finalize(for: memory)
    return unsafe [UInt8](memory[..<count])
  }

  private func referenceBody(
    _ sender: TokenExpectation, _ header: TokenHeader, _ message: [UInt8], _ key: [UInt8], sealed: Bool
  ) -> [UInt8]? {
    let usage = Self.usage(sentByAcceptor: sender.sentByAcceptor)
    if sealed {
      return reference.encrypt(message + Self.octets(header.sealedCopy), key, sender.type.rawValue, usage)
    }
    return reference.checksum(message + Self.octets(header.checksummed), key, sender.type.rawValue, usage)
      .map { message + $0 }
  }

  private static func usage(sentByAcceptor: Bool) -> Int32 {
    let usage: DirectionKeys.Usage = sentByAcceptor ? .acceptorSeal : .initiatorSeal
    return Int32(clamping: usage.rawValue)
  }

  private static func octets(_ header: TokenHeader) -> [UInt8] {
    [header.description, header.sequenceNumber].flatMap { word in
      (0..<8).map { UInt8(word >> (56 - 8 * $0) & 0xff) }
    }
  }
}
