import NIOCore

extension ServerNegotiation {
  /// "If the server refuses the client's connection for any reason … it will return 01 ff" (RFC 1961 section 3.8).
  mutating func abort(_ error: SOCKSError) -> Action {
    self.state = .ended
    var answer = ByteBuffer()
    do throws(SOCKSError) {
      try GSSMessage.abort.encode(into: &answer)
    } catch {
      return .close(error)
    }
    return .refuse(answer: answer, error)
  }

  /// A reply that says no (RFC 1928 section 6).
  mutating func refuse(_ error: SOCKSError) -> Action {
    self.state = .ended
    return .refuse(answer: Self.encoded(SOCKSReply(code: SOCKSReplyCode(refusing: error.code)).encode), error)
  }

  mutating func fail(_ error: SOCKSError) -> Action {
    self.state = .ended
    return .close(error)
  }

  static func encoded(_ encode: (inout ByteBuffer) -> Void) -> ByteBuffer {
    var buffer = ByteBuffer()
    encode(&buffer)
    return buffer
  }

  static func encoded(_ message: GSSMessage) throws(SOCKSError) -> ByteBuffer {
    var buffer = ByteBuffer()
    try message.encode(into: &buffer)
    return buffer
  }
}
