import SOCKSCore

/// A command that the gateway does not carry out.
final class UnservedRequest: ServedRequest {
  private let request: SOCKSRequest

  init(_ request: SOCKSRequest) { self.request = request }

  var isRelaying: Bool { false }

  func begin(answer: @escaping (Result<SOCKSAddress, SOCKSError>) -> Void) {
    answer(.failure(SOCKSError(.unsupportedCommand, "the client asked for \(self.request.command)")))
  }

  func replied(_ start: ServedRequestStart) {}
  func end(_ error: SOCKSError) {}
  func abandon() {}
}
