import Logging
import SOCKSCore
import Synchronization

/// Trouble of this machine's that sessions meet (a keytab that cannot be read): an error in the log when it begins, a
/// notice when it is over, and nothing for the sessions in between but their records.
public final class OngoingTrouble: Sendable {
  private struct State {
    /// Sessions that have met each kind of it.
    var sessions: [String: Int] = [:]
  }

  private let lines: RepeatedLines
  private let state = Mutex(State())
  private let isPresent = Atomic(false)

  /// - Parameter lines: keeps trouble that comes and goes from filling the log.
  public init(lines: RepeatedLines) { self.lines = lines }

  /// A session has ended in authentication. Only trouble that every login meets is of interest.
  public func sessionEnded(_ end: SessionEnd) {
    switch end.cause {
    case .trouble(let trouble):
      switch trouble {
      case .keytab, .replayCache, .kerberosConfiguration: self.met(end)
      case .socket: break
      }
    case .limit(let limit):
      switch limit {
      case .descriptors, .memory, .diskSpace: if end.phase == .authentication { self.met(end) }
      case .sessionsPerPrincipal, .authenticationQueue, .passwordQueue, .lookupQueue, .ports: break
      }
    case .completed, .refused, .refusedUpstream, .timeout, .stepTimeout, .evicted, .draining, .stopped, .ticketExpired,
      .connectFailed, .malformedName, .authenticationFailed, .violation, .foreignProtocol, .connectionClosed, .ioError,
      .bug:
      break
    }
  }

  private func met(_ end: SessionEnd) {
    let isNew = self.state.withLock { state in
      state.sessions[end.reason, default: 0] += 1
      self.isPresent.store(true, ordering: .relaxed)
      return state.sessions[end.reason] == 1
    }
    guard isNew else { return }
    self.lines.log(
      "trouble \(end.reason)", level: .error, "logins fail for a reason of this machine's",
      metadata: ["reason": "\(end.reason)", "detail": "\(end.detailForTheLog)"])
  }

  /// A context was established: whatever there was is over. Called for each login, so it costs nothing without trouble.
  public func contextEstablished() { self.end { _ in true } }

  /// A password was accepted: there is memory again. It says nothing about Kerberos.
  public func passwordAccepted() { self.end { $0 == SessionEnd.Limit.memory.rawValue } }

  private func end(_ isOver: (String) -> Bool) {
    guard self.isPresent.load(ordering: .relaxed) else { return }
    let over = self.state.withLock { state in
      let over = state.sessions.filter { isOver($0.key) }
      for reason in over.keys { state.sessions[reason] = nil }
      self.isPresent.store(!state.sessions.isEmpty, ordering: .relaxed)
      return over
    }
    for (reason, count) in over.sorted(by: { $0.key < $1.key }) {
      self.lines.log(
        "over \(reason)", level: .notice, "logins work again",
        metadata: ["reason": "\(reason)", "sessions": "\(count)"])
    }
  }
}
