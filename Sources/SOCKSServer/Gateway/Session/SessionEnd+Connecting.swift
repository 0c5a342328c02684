import Glibc
import NIOCore
import NIOPosix
import ProxySession
import SOCKSCore
import SOCKSNIO

extension SessionEnd {
  /// What a failed connection to a target means. Where several addresses were tried, a refusal says most, for it came from
  /// the target itself.
  ///
  /// - Parameter earlier: of those addresses that had failed before.
  init(connecting error: any Error, after earlier: [any Error] = []) {
    if let end = error as? SessionEnd {
      self = end
      return
    }
    let last: [any Error] =
      if let error = error as? NIOConnectionError {
        error.connectionErrors.map(\.error) + [error.dnsAError, error.dnsAAAAError].compactMap { $0 }
      } else {
        [error]
      }
    let ends = (earlier + last).map(Self.init(attempt:))
    // Where this side had no descriptor for an address, nobody knows what that one would have answered.
    let order: [Cause] = [
      .limit(.descriptors), .limit(.memory), .connectFailed(.refused), .connectFailed(.hostUnreachable),
      .timeout(.connect),
      .connectFailed(.networkUnreachable),
    ]
    let causes = ends.map(\.cause)
    let cause = order.first(where: causes.contains)
    self =
      ends.first { $0.cause == cause } ?? ends.first
      ?? SessionEnd(.connectFailed(.other), "no address could be tried")
  }

  /// One address.
  private init(attempt error: any Error) {
    switch error {
    case let end as SessionEnd: self = end
    case ChannelError.connectTimeout: self.init(.timeout(.connect))
    case let error as IOError:
      let failure = SOCKSError(system: error.errnoCode)
      switch error.errnoCode {
      case ECONNREFUSED: self.init(.connectFailed(.refused), failure.detail)
      case ENETUNREACH, ENETDOWN: self.init(.connectFailed(.networkUnreachable), failure.detail)
      case EHOSTUNREACH, EHOSTDOWN: self.init(.connectFailed(.hostUnreachable), failure.detail)
      case ETIMEDOUT: self.init(.timeout(.connect))
      case ECONNRESET, EPIPE: self.init(.connectFailed(.other), failure.detail)
      default: self = Self(shortage: error.errnoCode) ?? SessionEnd(.connectFailed(.other), failure.detail)
      }
    default: self.init(.connectFailed(.other), SOCKSError(transport: error).detail)
    }
  }

  /// A socket of the gateway's own could not be opened.
  ///
  /// - Parameter action: what could not be done.
  init(opening action: String, _ error: any Error) {
    if let end = error as? SessionEnd {
      self = end
    } else if let code = (error as? IOError)?.errnoCode {
      self = Self(shortage: code) ?? SessionEnd(.trouble(.socket), "\(action): \(SOCKSError(system: code).detail)")
    } else {
      self.init(.trouble(.socket), "\(action): \(SOCKSError(transport: error).detail)")
    }
  }

  /// What this machine or this process has run out of.
  init?(shortage code: CInt) {
    switch code {
    case EMFILE, ENFILE: self.init(.limit(.descriptors))
    case ENOMEM, ENOBUFS: self.init(.limit(.memory))
    default: return nil
    }
  }

  /// What the rules have refused.
  ///
  /// - Parameter hint: what would change it, for the log.
  init(_ decision: AccessDecision, hint: String? = nil) {
    let (text, code): (String, Refusal.Code)
    var rule: RuleReference?
    switch decision.reason {
    case .denied(let by): (rule, code) = (by, .denied)
    case .specialAddress(_, let unnamed): (rule, code) = (unnamed, .specialAddress)
    case .noRule: code = .noRule
    case .malformedName:
      self.init(.malformedName, decision.description)
      return
    case .allowed:
      self.init(.bug, "a request was refused that a rule allows")
      return
    }
    text = decision.description + (hint.map { "; \($0)" } ?? "")
    self.init(.refused(Refusal(rule: rule?.description, code: code, text: text)))
  }
}
