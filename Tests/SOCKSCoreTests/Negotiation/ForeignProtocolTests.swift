import NIOCore
import Testing

@testable import SOCKSCore

@Suite struct ForeignProtocolTests {
  static let configuration = ServerNegotiation.Configuration(methods: [.gssapi(.serving())])

  static let beginnings: [([UInt8], ForeignProtocol)] = [
    (Array("GET http://example.com/ HTTP/1.1\r\n".utf8), .http),
    (Array("CONNECT example.com:443 HTTP/1.1\r\n".utf8), .http),
    (Array("OPTIONS * HTTP/1.0\r\n".utf8), .http),
    (Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8), .http),
    (Array("PROPFIND / HTTP/1.1\r\n".utf8), .http),
    ([0x16, 0x03, 0x01, 0x02, 0x00, 0x01], .tls),
    (Array("SSH-2.0-OpenSSH_9.2p1\r\n".utf8), .ssh),
    ([0x04, 0x01, 0x00, 0x50, 192, 0, 2, 1, 0x00], .socks4),
    ([0x04, 0x02, 0x00, 0x50, 0, 0, 0, 1, 0x00], .socks4),
    (Array("PROXY TCP4 192.0.2.7 127.0.0.1 40000 1080\r\n".utf8), .proxyHeader),
    ([0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x11], .proxyHeader),
    ([0x04, 0x03, 0x00], .unknown),
    ([0x00], .unknown),
    (Array("GETS /".utf8), .unknown),
    (Array("get / HTTP/1.0".utf8), .unknown),
    ([0xFF, 0xFF], .unknown),
    ([0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0B], .unknown),
  ]

  @Test(arguments: beginnings)
  func eachIsRecognizedAndNeverTakenForAnotherAtAnyCut(bytes: [UInt8], kind: ForeignProtocol) {
    #expect(ForeignProtocol.recognize(bytes) == .recognized(kind))
    #expect(ForeignProtocol.recognize([]) == .undecided)
    for count in 1...bytes.count {
      let recognition = ForeignProtocol.recognize(bytes.prefix(count))
      #expect(recognition == .recognized(kind) || recognition == .undecided)
      if count >= ForeignProtocol.longestPrefix { #expect(recognition == .recognized(kind)) }
    }
  }

  @Test(arguments: beginnings)
  func theMachineAnswersInTheProtocolOfTheClient(bytes: [UInt8], kind: ForeignProtocol) {
    for cut in 0...min(bytes.count, 16) {
      var negotiation = ServerNegotiation(configuration: Self.configuration)
      var buffer = ByteBuffer(bytes: bytes.prefix(cut))
      var action = negotiation.receivedOctets(&buffer)
      if action == .readMore {
        buffer.writeBytes(bytes.dropFirst(cut))
        action = negotiation.receivedOctets(&buffer)
      }
      let error: SOCKSError
      switch (action, kind.answer) {
      case (.refuse(let answer, let found), .some(let expected)):
        #expect(answer == expected)
        error = found
      case (.close(let found), nil): error = found
      default:
        Issue.record("\(kind) at \(cut): \(action)")
        return
      }
      #expect(error.code == .foreignProtocol)
      #expect(error.foreignProtocol == kind)
      #expect(negotiation.phase == .ended)
    }
  }

  /// A connection that ends, or says nothing more, before it is clear what it is.
  @Test func whatStaysUndecidedIsUnknown() {
    var negotiation = ServerNegotiation(configuration: Self.configuration)
    var buffer = ByteBuffer(string: "PRO")
    #expect(negotiation.receivedOctets(&buffer) == .readMore)
    guard case .close(let error) = negotiation.interrupted(SOCKSError(.connectionClosed)) else {
      Issue.record("not closed")
      return
    }
    #expect(error.foreignProtocol == .unknown)
  }

  /// Nothing is sent to a client that has sent nothing, and its end is its own.
  @Test func aSilentClientIsNotForeign() {
    var negotiation = ServerNegotiation(configuration: Self.configuration)
    guard case .close(let error) = negotiation.interrupted(SOCKSError(.connectionClosed)) else {
      Issue.record("not closed")
      return
    }
    #expect(error.code == .connectionClosed)
    #expect(error.foreignProtocol == nil)
  }

  @Test func anHTTPAnswerHasTheLengthThatItSays() throws {
    let answer = String(buffer: try #require(ForeignProtocol.http.answer))
    let parts = answer.split(separator: "\r\n\r\n", maxSplits: 1)
    #expect(answer.contains("Content-Length: \(parts[1].utf8.count)\r\n"))
    #expect(parts[1].hasSuffix("\n"))
  }
}
