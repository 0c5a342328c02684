import NIOCore
import Platform
import SOCKSCore
import SOCKSGSSAPI
import Synchronization

/// Resolves the names that clients ask for, off the event loop, with a bounded queue and a deadline.
final class NameLookup: Sendable {
  private let pool: StepPool
  private let timeout: TimeAmount
  private let maximumAddresses: Int
  private let turns: LookupTurns
  private let lookUp: @Sendable (String, Int) -> Result<[IPAddress], SOCKSError>

  /// - Parameter lookUp: may block; given the name and how many addresses are wanted at most.
  init(
    _ configuration: Configuration, pool: StepPool,
    lookUp: @escaping @Sendable (String, Int) -> Result<[IPAddress], SOCKSError>
  ) {
    self.pool = pool
    self.timeout = TimeAmount(configuration.timeouts.resolve)
    self.maximumAddresses = configuration.limits.addressesPerName
    self.turns = LookupTurns(
      // One thread is always left for others.
      share: min(configuration.limits.lookupThreadsPerPrincipal, max(1, configuration.limits.lookupThreads - 1)),
      limit: configuration.limits.lookups, limitPerPrincipal: configuration.limits.lookupsPerPrincipal)
    self.lookUp = lookUp
  }

  /// The addresses of a name, in the resolver's order.
  ///
  /// A lookup that outlives its deadline keeps its thread until the resolver gives up. One that has not begun by then, or
  /// when its client goes, is never begun.
  func addresses(of name: String, attempt: DialAttempt) -> EventLoopFuture<[IPAddress]> {
    let eventLoop = attempt.eventLoop
    let promise = eventLoop.makePromise(of: [IPAddress].self)
    let isWanted = Flag()
    var timer: Scheduled<Void>?
    var place = LookupTurns.Place.begun
    let settle: (Result<[IPAddress], SOCKSError>) -> Void = { result in
      guard isWanted.lower() else { return }
      timer?.cancel()
      if case .waiting(let number) = place { self.turns.cancel(attempt.identity, number) }
      switch result {
      case .success(let addresses): promise.succeed(addresses)
      case .failure(let error): promise.fail(error)
      }
    }
    timer = eventLoop.assumeIsolated().scheduleTask(in: self.timeout) {
      settle(.failure(SOCKSError(.deadlinePassed, "the name was not resolved in time")))
    }
    attempt.whenGivenUp { settle(.failure(SOCKSError(.connectionClosed, "the client has gone"))) }
    let begin = NIOLoopBound(
      {
        // Nobody may want it any more when its turn comes.
        guard isWanted.isUp else { return self.turns.end(attempt.identity) }
        self.begin(name, isWanted: isWanted, attempt: attempt, settle)
      }, eventLoop: eventLoop)
    place = self.turns.take(
      attempt.identity,
      LookupTurns.Lookup(isWanted: { isWanted.isUp }) {
        if eventLoop.inEventLoop { begin.value() } else { eventLoop.execute { begin.value() } }
      })
    if place == .refused { settle(.failure(SOCKSError(.tooBusy, "too many names wait to be resolved"))) }
    return promise.futureResult
  }

  private func begin(
    _ name: String, isWanted: Flag, attempt: DialAttempt, _ settle: @escaping (Result<[IPAddress], SOCKSError>) -> Void
  ) {
    let (limit, lookUp, turns, identity) = (self.maximumAddresses, self.lookUp, self.turns, attempt.identity)
    let isAdmitted = self.pool.submit(to: attempt.eventLoop) { () -> Result<[IPAddress], SOCKSError> in
      defer { turns.end(identity) }
      guard isWanted.isUp else { return .failure(SOCKSError(.tooBusy)) }
      return lookUp(name, limit)
    } completion: { result in
      settle(result ?? .failure(SOCKSError(.tooBusy, "the gateway is stopping")))
    }
    guard !isAdmitted else { return }
    turns.end(identity)
    settle(.failure(SOCKSError(.tooBusy, "too many names are being resolved")))
  }

  /// What the system's resolver says.
  @Sendable static func bySystem(_ name: String, limit: Int) -> Result<[IPAddress], SOCKSError> {
    do throws(AddressLookup.Failure) {
      let addresses = try AddressLookup.addresses(of: name, limit: limit).compactMap(IPAddress.init(octets:))
      return addresses.isEmpty ? .failure(SOCKSError(.hostUnreachable, "the name has no address")) : .success(addresses)
    } catch {
      return .failure(SOCKSError(.hostUnreachable, "\(error)"))
    }
  }
}

/// Up until somebody lowers it.
private final class Flag: Sendable {
  private let state = Atomic(true)

  var isUp: Bool { self.state.load(ordering: .relaxed) }

  /// True for the first who does.
  func lower() -> Bool { self.state.exchange(false, ordering: .relaxed) }
}
