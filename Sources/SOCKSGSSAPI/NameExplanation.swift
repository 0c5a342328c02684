import GSSAPI
import NIOCore
import SOCKSCore
import Synchronization

/// Finds out why Kerberos has no ticket for the gateway's name, or one for another: for the message alone.
///
/// It asks DNS and the KDC, which may take long: on the pool, one at a time, and for no longer than ``limit``. Without an
/// answer by then the error is reported as it is.
final class NameExplanation: Sendable {
  static let limit = TimeAmount.seconds(3)

  private let request: KerberosInitiation.Request
  private let pool: StepPool
  private let otherNames: @Sendable (String) -> [String]
  private let isAsking = Mutex(false)

  init(
    _ request: KerberosInitiation.Request, pool: StepPool, otherNames: @escaping @Sendable (String) -> [String]
  ) {
    self.request = request
    self.pool = pool
    self.otherNames = otherNames
  }

  /// On the event loop; so is the completion, which is called once.
  func explain(_ error: SOCKSError, on eventLoop: any EventLoop, completion: @escaping (SOCKSError) -> Void) {
    guard error.code == .unknownService || error.code == .ticketForOtherService, !self.request.trustsDNS,
      self.isAsking.withLock({ isAsking in
        defer { isAsking = true }
        return !isAsking
      })
    else { return completion(self.explained(error, nil)) }
    let (request, otherNames) = (self.request, self.otherNames)
    var completion: ((SOCKSError) -> Void)? = completion
    let finish = { (inquiry: KerberosNameInquiry?) in
      let report = completion
      completion = nil
      report?(self.explained(error, inquiry))
    }
    let timer = eventLoop.assumeIsolated().scheduleTask(in: Self.limit) { finish(nil) }
    let admitted = self.pool.submit(to: eventLoop) {
      KerberosNameInquiry(request, hosts: request.host.map(otherNames) ?? [])
    } completion: { inquiry in
      self.isAsking.withLock { $0 = false }
      timer.cancel()
      finish(inquiry ?? nil)
    }
    guard !admitted else { return }
    self.isAsking.withLock { $0 = false }
    timer.cancel()
    finish(nil)
  }

  private func explained(_ error: SOCKSError, _ inquiry: KerberosNameInquiry?) -> SOCKSError {
    let hints = NameHints(error.code, self.request, inquiry).texts
    return SOCKSError(error.code, ([error.detail] + hints).joined(separator: "; "), reply: error.reply)
  }
}

extension KerberosInitiation.Request {
  /// The host as it was typed; nil where a whole principal was.
  var host: String? {
    switch self.gateway {
    case .service(_, let host): host
    case .principal: nil
    }
  }
}
