import ProxySession
import SOCKSCore

/// A command that the gateway does not carry out.
final class UnservedRequest: ServedRequest {
  private let request: SOCKSRequest

  init(_ request: SOCKSRequest) { self.request = request }

  var isRelaying: Bool { false }

  func begin(answer: @escaping (Result<SOCKSAddress, SessionEnd>) -> Void) {
    answer(
      .failure(
        SessionEnd(.violation(.unsupportedCommand, by: .client), "the client asked for \(self.request.command)")))
  }

  func replied(_ start: ServedRequestStart) {}
  func end() {}
  func abandon() {}
}
