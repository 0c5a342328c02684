extension TokenSession {
  /// Wraps the pieces of `plaintext`, a token for each, and appends them to `output`, one behind the other.
  ///
  /// - Parameters:
  ///   - pieces: where each message's plaintext lies, see ``TokenSplit``. Up to sixteen are ciphered together.
  ///   - sealed: whether to seal them; else they are signed.
  ///   - prefix: octets left free before each token, for the caller to write; they are zero.
  ///   - output: needs room for all prefixes and tokens (``tokenLength(for:sealed:)``) and ``spareOctets`` behind them,
  ///     which stay uninitialised.
  /// - Throws: nothing is appended then. Unless it was `tooLittleRoom` the session is over, since numbers were spent.
  public mutating func wrap(
    _ plaintext: RawSpan, pieces: [Range<Int>], sealed: Bool, prefix: Int = 0, into output: inout OutputRawSpan
  ) throws(TokenSessionError) {
    guard !sendingIsOver else { throw .sendingIsOver }
    let total = try totalLength(plaintext, pieces, sealed: sealed, prefix: prefix)
    guard output.freeCapacity >= total + Self.spareOctets else { throw .tooLittleRoom }
    sendingIsOver = true
    unsafe try output.withUnsafeMutableBytes { memory, initialized throws(TokenSessionError) in
      guard let base = memory.baseAddress else { return }
      let target = unsafe TokenMemory(base: base + initialized, count: total + Self.spareOctets)
      do throws(TokenSessionError) {
        try wrapBatches(plaintext, pieces, sealed: sealed, prefix: prefix, to: target)
      } catch {
        // It held plaintext on the way to being sealed.
        target.zero(0..<target.count)
        throw error
      }
      initialized += total
    }
    sendingIsOver = false
  }

  private func totalLength(
    _ plaintext: RawSpan, _ pieces: [Range<Int>], sealed: Bool, prefix: Int
  ) throws(TokenSessionError) -> Int {
    let maximum = maximumPlaintext(sealed: sealed)
    var total = 0
    guard (0...Self.maximumTokenLength).contains(prefix) else { throw .wrongPiece }
    for piece in pieces {
      guard piece.lowerBound >= 0, piece.upperBound <= plaintext.byteCount, piece.count <= maximum else {
        throw .wrongPiece
      }
      total += prefix + tokenLength(for: piece.count, sealed: sealed)
    }
    return total
  }

  private mutating func wrapBatches(
    _ plaintext: RawSpan, _ pieces: [Range<Int>], sealed: Bool, prefix: Int, to target: TokenMemory
  ) throws(TokenSessionError) {
    var offset = 0
    var first = 0
    while first < pieces.count {
      let batch = first..<min(first + WorkBench.capacity, pieces.count)
      let start = offset
      provider.bench.works.removeAll(keepingCapacity: true)
      for index in batch {
        let piece = pieces[index]
        let length = tokenLength(for: piece.count, sealed: sealed)
        offset += prefix
        let memory = target.part(offset..<offset + length + Self.spareOctets)
        let header = sending.header(sealed: sealed, sequenceNumber: try takeNumber())
        let work = TokenWork(memory: memory, length: length, header: header, shape: shape(piece.count, sealed: sealed))
        unsafe plaintext.withUnsafeBytes { octets in
          unsafe memory.copy(octets, piece, to: work.plaintext.lowerBound)
        }
        provider.bench.works.append(work)
        offset += length
      }
      defer { provider.bench.works.removeAll(keepingCapacity: true) }
      guard sealed ? sealBatch() : signBatch() else { throw .cipherFailed }
      // Last, since what a cipher leaves behind a token lies where the next one's prefix or header comes.
      var prefixStart = start
      for work in provider.bench.works {
        target.zero(prefixStart..<prefixStart + prefix)
        work.memory.setHeader(work.header, at: 0)
        prefixStart += prefix + work.length
      }
      first = batch.upperBound
    }
  }

  private func shape(_ count: Int, sealed: Bool) -> TokenWork.Shape {
    sealed
      ? .sealed(SealedShape(plaintextLength: count, type: type))
      : .signed(SignedShape(plaintextLength: count, type: type))
  }

  private mutating func takeNumber() throws(TokenSessionError) -> UInt64 {
    let number = nextSendNumber
    // The last number of all is never sent: then the next one can always be told.
    let (following, overflow) = number.addingReportingOverflow(1)
    guard !overflow else { throw .numbersUsedUp }
    nextSendNumber = following
    return number
  }

  /// `plaintext | header`, hashed (RFC 4121 section 4.2.4).
  private func signBatch() -> Bool {
    for work in provider.bench.works {
      guard let shape = work.soundSigned else { continue }
      work.memory.setHeader(work.header.checksummed, at: shape.checksumStart)
    }
    return provider.bench.hash(provider.ciphers, keys.sending) { work in
      work.soundSigned.map { $0.plaintextStart..<$0.plaintextStart + $0.checksummedLength }
    } use: { index, checksum in
      let work = provider.bench.works[index]
      checksum.copy(0..<work.checksumLength, to: work.checksumStart, of: work.memory)
    }
  }

  /// `confounder | plaintext | header`, enciphered with ciphertext stealing; hashed before that (RFC 3962) or after it
  /// (RFC 8009, with the vector of sixteen zeros in front).
  private func sealBatch() -> Bool {
    let bench = provider.bench
    for work in bench.works {
      guard let shape = work.soundSealed else { continue }
      guard provider.confounders.write(to: work.memory, at: shape.cipherStart) else { return false }
      work.memory.setHeader(work.header.sealedCopy, at: shape.headerCopyStart)
    }
    if !type.authenticatesCiphertext {
      // Kept aside until the padding has done with the checksum's place.
      guard
        hashSealed(keep: { index, checksum in bench.works[index].kept = KeptOctets(0..<checksum.count, of: checksum) })
      else { return false }
    }
    for work in bench.works { work.soundSealed?.stealing.pad(work.memory) }
    let ciphered = bench.cipher(provider.ciphers, keys.sending) { work in
      work.soundSealed.map { $0.cipherStart..<$0.cipherStart + $0.stealing.paddedLength }
    }
    guard ciphered else { return false }
    for work in bench.works { work.soundSealed?.stealing.swapEnciphered(work.memory) }
    if type.authenticatesCiphertext {
      for work in bench.works { work.memory.zero(0..<TokenHeader.octetCount) }
      return hashSealed { index, checksum in
        let work = bench.works[index]
        checksum.copy(0..<work.checksumLength, to: work.checksumStart, of: work.memory)
      }
    }
    for work in bench.works {
      work.kept.restore(count: work.checksumLength, to: work.checksumStart, of: work.memory)
    }
    return true
  }

  private func hashSealed(keep: (Int, TokenMemory) -> Void) -> Bool {
    provider.bench.hash(provider.ciphers, keys.sending, { $0.soundSealed?.hashed(type) }, use: keep)
  }
}

extension SealedShape {
  /// What the checksum covers. For RFC 8009 the vector is where the header will be.
  func hashed(_ type: EncryptionType) -> Range<Int> {
    (type.authenticatesCiphertext ? 0 : cipherStart)..<cipherStart + cipherLength
  }
}
