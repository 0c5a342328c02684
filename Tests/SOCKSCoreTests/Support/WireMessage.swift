import NIOCore
import SOCKSCore

/// Every message that travels in a stream, so that one test can go through all of them.
enum WireMessage: Hashable, Sendable {
  case offer(SOCKSMethodOffer)
  case selection(SOCKSMethodSelection)
  case request(SOCKSRequest)
  case reply(SOCKSReply)
  case passwordRequest(UsernamePasswordRequest)
  case passwordResponse(UsernamePasswordResponse)
  case gss(GSSMessage)

  enum Kind: CaseIterable, Sendable {
    case offer, selection, request, reply, passwordRequest, passwordResponse, gss

    func decode(from buffer: inout ByteBuffer) throws(SOCKSError) -> WireMessage? {
      switch self {
      case .offer: try SOCKSMethodOffer.decode(from: &buffer).map(WireMessage.offer)
      case .selection: try SOCKSMethodSelection.decode(from: &buffer).map(WireMessage.selection)
      case .request: try SOCKSRequest.decode(from: &buffer).map(WireMessage.request)
      case .reply: try SOCKSReply.decode(from: &buffer).map(WireMessage.reply)
      case .passwordRequest: try UsernamePasswordRequest.decode(from: &buffer).map(WireMessage.passwordRequest)
      case .passwordResponse: try UsernamePasswordResponse.decode(from: &buffer).map(WireMessage.passwordResponse)
      case .gss: try GSSMessage.decode(from: &buffer).map(WireMessage.gss)
      }
    }

    /// The error for octets that cannot be read; nil when they can, or when more are needed.
    func error(decoding octets: [UInt8]) -> SOCKSError.Code? {
      var buffer = ByteBuffer(bytes: octets)
      do throws(SOCKSError) {
        _ = try self.decode(from: &buffer)
        return nil
      } catch {
        return error.code
      }
    }
  }

  var kind: Kind {
    switch self {
    case .offer: .offer
    case .selection: .selection
    case .request: .request
    case .reply: .reply
    case .passwordRequest: .passwordRequest
    case .passwordResponse: .passwordResponse
    case .gss: .gss
    }
  }

  func encode() throws(SOCKSError) -> [UInt8] {
    var buffer = ByteBuffer()
    switch self {
    case .offer(let message): message.encode(into: &buffer)
    case .selection(let message): message.encode(into: &buffer)
    case .request(let message): message.encode(into: &buffer)
    case .reply(let message): message.encode(into: &buffer)
    case .passwordRequest(let message): message.encode(into: &buffer)
    case .passwordResponse(let message): message.encode(into: &buffer)
    case .gss(let message): try message.encode(into: &buffer)
    }
    return buffer.octets
  }
}
