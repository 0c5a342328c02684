import NIOCore
import ProxySession
import SOCKSCore
import SOCKSGSSAPI
import Synchronization

/// Resolves the names that clients ask for, off the event loop, with a bounded queue and a deadline.
final class NameLookup: Sendable {
  private let pool: StepPool
  private let timeout: TimeAmount
  private let maximumAddresses: Int
  private let turns: LookupTurns
  private let sources: NameSources

  /// - Parameters:
  ///   - inHostsFile: see ``NameSources/inHostsFile``.
  ///   - lookUp: see ``NameSources/lookUp``.
  init(
    _ configuration: Configuration, pool: StepPool,
    inHostsFile: @escaping @Sendable (String, Int) -> Result<[IPAddress], SessionEnd> = { _, _ in .success([]) },
    lookUp: @escaping @Sendable (String, Int) -> Result<[IPAddress], SessionEnd>
  ) {
    self.pool = pool
    self.timeout = TimeAmount(configuration.timeouts.resolve)
    self.maximumAddresses = configuration.limits.addressesPerName
    self.turns = LookupTurns(
      // One thread is always left for others.
      share: min(configuration.limits.lookupThreadsPerPrincipal, max(1, configuration.limits.lookupThreads - 1)),
      limit: configuration.limits.lookups, limitPerPrincipal: configuration.limits.lookupsPerPrincipal)
    self.sources = NameSources(lookUp: lookUp, inHostsFile: inHostsFile)
  }

  /// The first of a question's names that has addresses, with them in the resolver's order. The deadline is for all names of
  /// the question together.
  ///
  /// Fails with a ``NameFailure``.
  ///
  /// A lookup that outlives its deadline keeps its thread until the resolver gives up. One that has not begun by then, or
  /// when its client goes, is never begun.
  func answer(_ question: NameQuestion, attempt: ConnectAttempt) -> EventLoopFuture<NameAnswer> {
    let eventLoop = attempt.eventLoop
    let promise = eventLoop.makePromise(of: NameAnswer.self)
    let isWanted = Flag()
    var timer: Scheduled<Void>?
    var place = LookupTurns.Place.begun
    let settle: (Result<NameAnswer, NameFailure>) -> Void = { result in
      guard isWanted.lower() else { return }
      timer?.cancel()
      if case .waiting(let number) = place { self.turns.cancel(attempt.identity, number) }
      switch result {
      case .success(let answer): promise.succeed(answer)
      case .failure(let error): promise.fail(error)
      }
    }
    timer = eventLoop.assumeIsolated().scheduleTask(in: self.timeout) {
      settle(.failure(NameFailure(end: SessionEnd(.timeout(.resolve)))))
    }
    attempt.whenGivenUp { settle(.failure(NameFailure(end: SessionEnd(.connectionClosed, "the client disconnected")))) }
    let begin = NIOLoopBound(
      {
        // Nobody may want it any more when its turn comes.
        guard isWanted.isUp else { return self.turns.end(attempt.identity) }
        self.begin(question, isWanted: isWanted, attempt: attempt, settle)
      }, eventLoop: eventLoop)
    place = self.turns.take(
      attempt.identity,
      LookupTurns.Lookup(isWanted: { isWanted.isUp }) {
        if eventLoop.inEventLoop { begin.value() } else { eventLoop.execute { begin.value() } }
      })
    if place == .refused { settle(.failure(NameFailure(end: SessionEnd(.limit(.lookupQueue))))) }
    return promise.futureResult
  }

  private func begin(
    _ question: NameQuestion, isWanted: Flag, attempt: ConnectAttempt,
    _ settle: @escaping (Result<NameAnswer, NameFailure>) -> Void
  ) {
    let (limit, sources, turns, identity) = (self.maximumAddresses, self.sources, self.turns, attempt.identity)
    let isAdmitted = self.pool.submit(to: attempt.eventLoop) { () -> Result<NameAnswer, NameFailure> in
      defer { turns.end(identity) }
      guard isWanted.isUp else { return .failure(NameFailure(end: SessionEnd(.connectionClosed))) }
      return sources.answer(question, limit: limit)
    } completion: { result in
      settle(result ?? .failure(NameFailure(end: SessionEnd(.draining))))
    }
    guard !isAdmitted else { return }
    turns.end(identity)
    settle(.failure(NameFailure(end: SessionEnd(.limit(.lookupQueue), "too many names are being resolved"))))
  }
}

/// Up until somebody lowers it.
private final class Flag: Sendable {
  private let state = Atomic(true)

  var isUp: Bool { self.state.load(ordering: .relaxed) }

  /// True for the first who does.
  func lower() -> Bool { self.state.exchange(false, ordering: .relaxed) }
}
