extension TokenSession {
  /// Opens tokens where they lie, and appends for each, in order, what was found or why it was refused.
  ///
  /// A token that is refused leaves the others as they are. Which of them may still be used is the caller's to say: on a
  /// stream nothing behind the first refusal is. The octets of a refused token are wiped, since sealed ones were
  /// deciphered before they could be proved; those of an opened one are its plaintext and rubbish around it.
  ///
  /// - Parameters:
  ///   - octets: the memory that the tokens lie in. Octets between tokens are the same afterwards.
  ///   - tokens: where they lie, in ascending order. Up to sixteen with four octets or more between them are opened
  ///     together; four more octets behind the last one save copying it.
  public mutating func unwrap(
    _ octets: inout MutableRawSpan, tokens: [Range<Int>], into results: inout [Result<OpenedToken, TokenRefusal>]
  ) {
    unsafe octets.withUnsafeMutableBytes { memory in
      guard let base = memory.baseAddress else {
        results.append(contentsOf: tokens.map { _ in .failure(.tooShort) })
        return
      }
      let all = unsafe TokenMemory(base: base, count: memory.count)
      var first = 0
      while first < tokens.count {
        let batch = first..<Self.endOfBatch(tokens, from: first)
        unwrapBatch(all, tokens, batch, into: &results)
        first = batch.upperBound
      }
    }
  }

  /// The tokens that can be worked on at the same time: each has its spare octets before the next one begins.
  private static func endOfBatch(_ tokens: [Range<Int>], from first: Int) -> Int {
    var end = first + 1
    while end < tokens.count, end - first < WorkBench.capacity,
      tokens[end].lowerBound >= spareOctets, tokens[end].lowerBound - spareOctets >= tokens[end - 1].upperBound
    {
      end += 1
    }
    return end
  }

  private mutating func unwrapBatch(
    _ all: TokenMemory, _ tokens: [Range<Int>], _ batch: Range<Int>,
    into results: inout [Result<OpenedToken, TokenRefusal>]
  ) {
    let bench = provider.bench
    bench.works.removeAll(keepingCapacity: true)
    defer { bench.works.removeAll(keepingCapacity: true) }
    let firstResult = results.count
    for index in batch {
      do throws(TokenRefusal) {
        bench.works.append(try read(all, tokens, index))
        results.append(.failure(.cipherFailed))
      } catch {
        results.append(.failure(error))
        if error != .outsideMemory { all.zero(tokens[index]) }
      }
    }
    openBatch()
    var work = 0
    for index in batch {
      let result = firstResult + index - batch.lowerBound
      guard case .failure(.cipherFailed) = results[result] else { continue }
      results[result] = finish(bench.works[work], all, tokens[index])
      work += 1
    }
  }

  /// Everything that can be judged without a key; undoes the rotation.
  private func read(_ all: TokenMemory, _ tokens: [Range<Int>], _ index: Int) throws(TokenRefusal) -> TokenWork {
    let range = tokens[index]
    guard range.lowerBound >= 0, range.upperBound <= all.count else { throw .outsideMemory }
    if index > 0, tokens[index - 1].upperBound > range.lowerBound { throw .outsideMemory }
    guard range.count >= TokenHeader.octetCount else { throw .tooShort }
    guard range.count <= Self.maximumTokenLength else { throw .tooLong }
    let header = try TokenHeader(all.word(at: range.lowerBound), all.word(at: range.lowerBound + 8))
    try receiving.verify(header)
    let shape: TokenWork.Shape =
      header.flags.contains(.sealed)
      ? .sealed(try SealedShape(tokenLength: range.count, header: header, type: type))
      : .signed(try SignedShape(tokenLength: range.count, header: header, type: type))
    let bench = provider.bench
    TokenRotation.undo(
      all.part(range), rightRotationCount: header.rightRotationCount, scratch: bench.rotation)
    // Only the last token of all can lack its spare octets.
    let hasRoom = range.upperBound + Self.spareOctets <= all.count
    if !hasRoom { all.copy(range, to: 0, of: bench.last) }
    let memory =
      hasRoom
      ? all.part(range.lowerBound..<range.upperBound + Self.spareOctets)
      : bench.last.part(0..<range.count + Self.spareOctets)
    var work = TokenWork(memory: memory, length: range.count, header: header, shape: shape)
    work.kept = KeptOctets(work.checksumStart..<range.count + Self.spareOctets, of: memory)
    return work
  }

  private func openBatch() {
    let sound =
      type.authenticatesCiphertext
      ? verifyChecksums() && decipher() : decipher() && verifyChecksums()
    let bench = provider.bench
    for index in bench.works.indices where bench.works[index].refusal == nil {
      if !sound {
        bench.works[index].refusal = .cipherFailed
      } else if let shape = bench.works[index].soundSealed {
        let work = bench.works[index]
        let copy = work.memory.header(at: shape.headerCopyStart)
        if !work.header.agrees(withSealedCopy: copy) { bench.works[index].refusal = .wrongHeaderCopy }
      }
    }
  }

  /// Deciphers the sealed tokens that nothing speaks against. Whether it is plaintext is not known yet with RFC 3962.
  private func decipher() -> Bool {
    let bench = provider.bench
    let blocks = bench.cipher(provider.ciphers, keys.receiving, toBlocks: true) { work in
      work.soundSealed.map { $0.stealing.penultimate..<$0.stealing.last }
    }
    guard blocks else { return false }
    for (index, work) in bench.works.enumerated() {
      let block = bench.blocks.block(at: index * CiphertextStealing.blockLength)
      work.soundSealed?.stealing.restoreOrder(work.memory, deciphered: block)
    }
    return bench.cipher(provider.ciphers, keys.receiving) { work in
      work.soundSealed.map { $0.cipherStart..<$0.cipherStart + $0.stealing.paddedLength }
    }
  }

  private func verifyChecksums() -> Bool {
    let bench = provider.bench
    for work in bench.works {
      if let shape = work.soundSigned {
        work.memory.setHeader(work.header.checksummed, at: shape.checksumStart)
      } else if type.authenticatesCiphertext {
        work.memory.zero(0..<TokenHeader.octetCount)
      }
    }
    let type = type
    return bench.hash(provider.ciphers, keys.receiving) { work in
      switch work.shape {
      case .sealed(let shape): shape.hashed(type)
      case .signed(let shape): shape.plaintextStart..<shape.plaintextStart + shape.checksummedLength
      }
    } use: { index, checksum in
      let work = bench.works[index]
      if !work.kept.begins(with: checksum, count: work.checksumLength) { bench.works[index].refusal = .wrongChecksum }
    }
  }

  /// The verdict, when all cryptography is done.
  private mutating func finish(
    _ work: TokenWork, _ all: TokenMemory, _ range: Range<Int>
  ) -> Result<OpenedToken, TokenRefusal> {
    work.kept.restore(from: work.checksumLength, to: work.length, of: work.memory)
    var refusal = work.refusal
    if refusal == nil {
      do throws(TokenRefusal) {
        try receiveOrder.accept(work.header.sequenceNumber)
      } catch {
        refusal = error
      }
    }
    let isElsewhere = range.upperBound + Self.spareOctets > all.count
    if isElsewhere {
      if refusal == nil { work.memory.copy(0..<work.length, to: range.lowerBound, of: all) }
      work.memory.zero(0..<work.length)
    }
    if let refusal {
      all.zero(range)
      return .failure(refusal)
    }
    let plaintext = work.plaintext
    return .success(
      OpenedToken(
        plaintext: range.lowerBound + plaintext.lowerBound..<range.lowerBound + plaintext.upperBound,
        isSealed: work.isSealed, sequenceNumber: work.header.sequenceNumber))
  }
}
