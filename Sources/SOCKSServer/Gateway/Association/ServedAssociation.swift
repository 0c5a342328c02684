import NIOCore
import ProxySession
import SOCKSCore
import SOCKSNIO

/// UDP ASSOCIATE (RFC 1928 section 4): a socket for the client's datagrams, for as long as the control connection lasts.
final class ServedAssociation: ServedRequest {
  private enum State {
    case ready
    /// The answer is due when the socket is bound.
    case opening(Association)
    /// The success reply is being written.
    case bound(Association)
    case relaying(Association)
    case ended
  }

  private let destination: SOCKSAddress
  /// The session lets go of this when its connection has closed.
  private let session: Session
  private var state: State = .ready

  init(_ destination: SOCKSAddress, of session: Session) {
    self.destination = destination
    self.session = session
  }

  var isRelaying: Bool {
    if case .relaying = self.state { true } else { false }
  }

  func begin(answer: @escaping (Result<SOCKSAddress, SessionEnd>) -> Void) {
    if let refusal = self.session.refusal(of: .associate) { return answer(.failure(refusal)) }
    guard let association = Association(self.destination, of: self.session) else {
      return answer(.failure(SessionEnd(.connectionClosed, "the control connection has no address")))
    }
    self.state = .opening(association)
    association.open().assumeIsolated().whenComplete { result in
      guard case .opening = self.state else { return association.end() }
      switch result {
      case .success(let address):
        self.state = .bound(association)
        answer(.success(address))
      case .failure(let error):
        self.state = .ended
        association.end()
        answer(.failure(SessionEnd(opening: "no socket for datagrams", error)))
      }
    }
  }

  func replied(_ start: ServerNegotiationHandover) {
    guard case .bound(let association) = self.state else { return self.session.channel.close(promise: nil) }
    self.state = .relaying(association)
    do {
      let protection = try self.protection(start)
      let pipeline = start.context.pipeline.syncOperations
      let control = AssociationControlHandler { [weak self] error in self?.ended(error) }
      try pipeline.addHandler(control, position: .after(start.handler))
      pipeline.removeHandler(start.handler, promise: nil)
      association.begin(protection)
    } catch {
      self.ended(SOCKSError(transport: error))
      self.session.channel.close(promise: nil)
    }
  }

  /// The control connection's context, from here on for datagrams; none for a method that has none.
  private func protection(_ start: ServerNegotiationHandover) throws -> DatagramProtection {
    guard start.earlyData.readableBytes == 0 else {
      throw SOCKSError(.unexpectedMessage, "the client sent more than its request")
    }
    guard !start.inputClosed else {
      throw SOCKSError(.connectionClosed, "the client ended its stream behind the request")
    }
    guard self.session.record.level != nil else { return DatagramProtection() }
    return try start.context.pipeline.syncOperations.handler(type: EncapsulationHandler.self).beginDatagrams()
  }

  func end() {
    if case .relaying(let association) = self.state { association.end() }
    self.session.channel.close(promise: nil)
  }

  /// The control connection ends, and the association with it, at once.
  private func ended(_ error: SOCKSError) {
    guard case .relaying(let association) = self.state else { return }
    // A closed connection is the way in which every association ends.
    self.session.settle(
      error.code == .connectionClosed
        ? SessionEnd(.completed, by: .client) : SessionEnd(error, from: .client, in: .relaying))
    association.end()
  }

  func abandon() {
    switch self.state {
    case .opening(let association), .bound(let association):
      self.state = .ended
      association.end()
    case .ready, .relaying, .ended: break
    }
  }
}
