import NIOCore
import SOCKSCore
import SOCKSNIO

/// Both ends' contexts: one token each way, nothing hidden.
final class PlainEstablishment: ContextEstablishment {
  private let eventLoop: any EventLoop
  private let ordered: Bool
  private let failure: SOCKSError?
  private let firstToken: ByteBuffer

  init(
    on eventLoop: any EventLoop, ordered: Bool = true, failure: SOCKSError? = nil,
    firstToken: ByteBuffer = ByteBuffer(string: "question")
  ) {
    self.eventLoop = eventLoop
    self.ordered = ordered
    self.failure = failure
    self.firstToken = firstToken
  }

  func step(_ token: ByteBuffer?, completion: @escaping Completion) {
    let result: ContextStepResult
    var protection: PlainProtection?
    if let failure = self.failure {
      result = .failed(failure)
    } else if let token {
      let isLast = token == ByteBuffer(string: "answer")
      var attributes = Self.attributes
      if !self.ordered { attributes.services.remove(.sequence) }
      result = .complete(attributes, token: isLast ? nil : ByteBuffer(string: "answer"))
      protection = PlainProtection()
    } else {
      result = .continueNeeded(token: self.firstToken)
    }
    self.eventLoop.assumeIsolated().execute { [protection] in completion(result, protection) }
  }

  static let attributes = SecurityContextAttributes(
    services: [.mutual, .replay, .sequence, .integrity, .confidentiality], mechanism: "krb5", encryptionType: 18,
    initiatorName: "alice@GARTER.TEST", acceptorName: "socks/gate.test@GARTER.TEST", lifetime: 3_600)
}

/// Tokens of nine octets of header (number, sealed or not) and the plaintext as it is.
final class PlainProtection: PerMessageProtection {
  let engine = "plain"
  private var next: UInt64 = 1

  private func token(_ plaintext: ByteBuffer, sealed: Bool) -> ByteBuffer {
    var token = ByteBuffer()
    token.writeMultipleIntegers(self.next, UInt8(sealed ? 1 : 0))
    token.writeImmutableBuffer(plaintext)
    self.next += 1
    return token
  }

  private func open(_ token: ByteBuffer) -> (ByteBuffer, UnwrapOutcome)? {
    var token = token
    guard let (number, sealed) = token.readMultipleIntegers(as: (UInt64, UInt8).self), sealed < 2 else { return nil }
    let length = token.readableBytes
    return (
      token,
      UnwrapOutcome(plaintextLength: length, isConfidential: sealed == 1, status: [], sequenceNumber: number)
    )
  }

  func wrap(_ plaintext: ByteBuffer, sealed: Bool, into frames: inout EncapsulatedFrames) throws(SOCKSError) {
    var rest = plaintext
    while let chunk = rest.readSlice(length: min(16_384, rest.readableBytes)), chunk.readableBytes > 0 {
      try self.wrapDatagram(chunk, sealed: sealed, into: &frames)
    }
  }

  func wrapDatagram(_ plaintext: ByteBuffer, sealed: Bool, into frames: inout EncapsulatedFrames) throws(SOCKSError) {
    let token = self.token(plaintext, sealed: sealed)
    try frames.appendToken(maximumLength: token.readableBytes, sealed: sealed) { span throws(SOCKSError) in
      for octet in token.readableBytesView { span.append(octet) }
      return sealed
    }
  }

  func unwrap(
    _ batch: inout TokenBatch, into plaintext: inout ByteBuffer, outcomes: inout [UnwrapOutcome]
  ) -> SOCKSError? {
    for index in 0..<batch.count {
      let token = batch.withToken(at: index) { span in
        var token = ByteBuffer()
        token.writeBytes(span.bytes)
        return token
      }
      guard let token, let (opened, outcome) = self.open(token) else { return SOCKSError(.protectionFailed, "bad") }
      plaintext.writeImmutableBuffer(opened)
      outcomes.append(outcome)
    }
    return nil
  }

  func wrapProtectionLevel(_ octet: UInt8) -> WrapResult {
    .wrapped(token: self.token(ByteBuffer(bytes: [octet]), sealed: false))
  }

  func unwrapProtectionLevel(_ token: ByteBuffer) -> UnwrapResult {
    self.open(token).map { .unwrapped(Array($0.readableBytesView), $1) }
      ?? .failed(SOCKSError(.protectionFailed, "bad"))
  }
}
