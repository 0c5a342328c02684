public import NIOCore
public import SOCKSCore
public import SOCKSNIO

/// Per-message protection with ``FakeToken``, with the failures that a test wants.
public final class FakeProtection: PerMessageProtection {
  /// Both ends of a context share it.
  public let key: UInt64
  /// The number of the next token wrapped.
  public var nextNumber: UInt64

  /// The n-th wrap of a token, from 1 on, fails; level messages count.
  public var failsWrapAt: Int?
  /// The n-th unwrap of a token, from 1 on, fails; level messages count.
  public var failsUnwrapAt: Int?
  /// The library says that confidentiality was not applied, and did not apply it.
  public var ignoresSealing = false
  /// Status bits to report for the n-th token unwrapped.
  public var statuses: [Int: UnwrapOutcome.Status] = [:]
  /// Tokens carry no number that the check can see, as with mechanisms other than Kerberos.
  public var hidesNumbers = false
  /// The octets of the level message, instead of those asked for.
  public var levelOctets: [UInt8]?
  /// Adds an octet to the plaintext that no outcome speaks of.
  public var liesAboutLengths = false
  /// Leaves the plaintext where the token lay; otherwise it gets a buffer of its own.
  public var opensInPlace = true

  /// Every token wrapped, in order, level messages included.
  public private(set) var wrapped: [FakeToken] = []
  public private(set) var unwrapped: [FakeToken] = []
  /// The plaintext octets of each call of `wrap`, and the token octets of each call of `unwrap`.
  public private(set) var wrapWork: [Int] = []
  public private(set) var unwrapWork: [Int] = []
  private var wrapCalls = 0
  private var unwrapCalls = 0

  public let engine = "fake"

  public init(key: UInt64 = 0x0123_4567_89ab_cdef, firstNumber: UInt64 = 7) {
    self.key = key
    self.nextNumber = firstNumber
  }

  public func wrap(_ plaintext: ByteBuffer, sealed: Bool, into frames: inout EncapsulatedFrames) throws(SOCKSError) {
    self.wrapWork.append(plaintext.readableBytes)
    var rest = plaintext
    while let chunk = rest.readBytes(length: min(FakeToken.maximumPlaintext, rest.readableBytes)), !chunk.isEmpty {
      try self.appendToken(chunk, sealed: sealed, to: &frames)
    }
  }

  public func wrapDatagram(
    _ plaintext: ByteBuffer, sealed: Bool, into frames: inout EncapsulatedFrames
  ) throws(SOCKSError) {
    guard plaintext.readableBytes <= FakeToken.maximumPlaintext else {
      throw SOCKSError(.valueOutOfRange, "the datagram does not fit a message")
    }
    try self.appendToken(Array(plaintext.readableBytesView), sealed: sealed, to: &frames)
  }

  private func appendToken(
    _ plaintext: [UInt8], sealed: Bool, to frames: inout EncapsulatedFrames
  ) throws(SOCKSError) {
    let token = try self.makeToken(plaintext, sealed: sealed)
    let octets = token.octets(key: self.key)
    try frames.appendToken(maximumLength: octets.count, sealed: sealed) { span throws(SOCKSError) in
      for octet in octets { span.append(octet) }
      return token.isSealed
    }
  }

  public func unwrap(
    _ batch: inout TokenBatch, into plaintext: inout ByteBuffer, outcomes: inout [UnwrapOutcome]
  ) -> SOCKSError? {
    self.unwrapWork.append(batch.octets)
    for index in 0..<batch.count {
      let octets = batch.withToken(at: index) { span in
        var copy = ByteBuffer()
        copy.writeBytes(span.bytes)
        // As the library does: the token is scrambled, even if others share the storage.
        for offset in span.byteOffsets { span.storeBytes(of: 0xee, toByteOffset: offset, as: UInt8.self) }
        return Array(copy.readableBytesView)
      }
      switch self.open(octets ?? []) {
      case .success(let (token, outcome)):
        if self.opensInPlace {
          self.leave(token.plaintext, at: index, in: &batch)
        } else {
          plaintext.writeBytes(token.plaintext)
        }
        outcomes.append(outcome)
      case .failure(let error):
        return error
      }
    }
    if self.liesAboutLengths { plaintext.writeInteger(UInt8(0)) }
    return nil
  }

  /// Behind one octet of the token that stays scrambled.
  private func leave(_ plaintext: [UInt8], at index: Int, in batch: inout TokenBatch) {
    let range = batch.withTokens { span, tokens in
      let start = tokens[index].lowerBound + 1
      for (offset, octet) in plaintext.enumerated() {
        span.storeBytes(of: octet, toByteOffset: start + offset, as: UInt8.self)
      }
      return start..<start + plaintext.count + (self.liesAboutLengths ? 1 : 0)
    }
    batch.openedInPlace(range)
  }

  public func wrapProtectionLevel(_ octet: UInt8) -> WrapResult {
    do throws(SOCKSError) {
      let token = try self.makeToken(self.levelOctets ?? [octet], sealed: false)
      return .wrapped(token: ByteBuffer(bytes: token.octets(key: self.key)))
    } catch {
      return .failed(error)
    }
  }

  public func unwrapProtectionLevel(_ token: ByteBuffer) -> UnwrapResult {
    switch self.open(Array(token.readableBytesView)) {
    case .success(let (token, outcome)): .unwrapped(token.plaintext, outcome)
    case .failure(let error): .failed(error)
    }
  }

  private func makeToken(_ plaintext: [UInt8], sealed: Bool) throws(SOCKSError) -> FakeToken {
    self.wrapCalls += 1
    guard self.failsWrapAt != self.wrapCalls else { throw SOCKSError(.protectionFailed, "as the test wants") }
    let token = FakeToken(isSealed: sealed && !self.ignoresSealing, number: self.nextNumber, plaintext: plaintext)
    self.nextNumber += 1
    self.wrapped.append(token)
    return token
  }

  private func open(_ octets: [UInt8]) -> Result<(FakeToken, UnwrapOutcome), SOCKSError> {
    self.unwrapCalls += 1
    guard self.failsUnwrapAt != self.unwrapCalls, let token = FakeToken(octets, key: self.key) else {
      return .failure(SOCKSError(.protectionFailed, "the token is not genuine"))
    }
    self.unwrapped.append(token)
    let outcome = UnwrapOutcome(
      plaintextLength: token.plaintext.count, isConfidential: token.isSealed,
      status: self.statuses[self.unwrapCalls] ?? [], sequenceNumber: self.hidesNumbers ? nil : token.number)
    return .success((token, outcome))
  }
}
