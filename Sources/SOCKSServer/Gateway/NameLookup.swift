import Glibc
import NIOCore
import Platform
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
  private let lookUp: @Sendable (String, Int) -> Result<[IPAddress], SessionEnd>

  /// - Parameter lookUp: may block; given the name and how many addresses are wanted at most.
  init(
    _ configuration: Configuration, pool: StepPool,
    lookUp: @escaping @Sendable (String, Int) -> Result<[IPAddress], SessionEnd>
  ) {
    self.pool = pool
    self.timeout = TimeAmount(configuration.timeouts.resolve)
    self.maximumAddresses = configuration.limits.addressesPerName
    self.turns = LookupTurns(
      // One thread is always left for others.
      share: min(configuration.limits.lookupThreadsPerPrincipal, max(1, configuration.limits.lookupThreads - 1)),
      limit: configuration.limits.lookups)
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
    let settle: (Result<[IPAddress], SessionEnd>) -> Void = { result in
      guard isWanted.lower() else { return }
      timer?.cancel()
      switch result {
      case .success(let addresses): promise.succeed(addresses)
      case .failure(let error): promise.fail(error)
      }
    }
    timer = eventLoop.assumeIsolated().scheduleTask(in: self.timeout) {
      settle(.failure(SessionEnd(.timeout(.resolve))))
    }
    attempt.whenGivenUp { settle(.failure(SessionEnd(.connectionClosed, "the client has gone"))) }
    let begin = NIOLoopBound(
      {
        // Nobody may want it any more when its turn comes.
        guard isWanted.isUp else { return self.turns.end(attempt.identity) }
        self.begin(name, isWanted: isWanted, attempt: attempt, settle)
      }, eventLoop: eventLoop)
    let isAdmitted = self.turns.take(attempt.identity) {
      if eventLoop.inEventLoop { begin.value() } else { eventLoop.execute { begin.value() } }
    }
    if !isAdmitted { settle(.failure(SessionEnd(.limit(.lookupQueue)))) }
    return promise.futureResult
  }

  private func begin(
    _ name: String, isWanted: Flag, attempt: DialAttempt, _ settle: @escaping (Result<[IPAddress], SessionEnd>) -> Void
  ) {
    let (limit, lookUp, turns, identity) = (self.maximumAddresses, self.lookUp, self.turns, attempt.identity)
    let isAdmitted = self.pool.submit(to: attempt.eventLoop) { () -> Result<[IPAddress], SessionEnd> in
      defer { turns.end(identity) }
      guard isWanted.isUp else { return .failure(SessionEnd(.connectionClosed)) }
      return lookUp(name, limit)
    } completion: { result in
      settle(result ?? .failure(SessionEnd(.draining)))
    }
    guard !isAdmitted else { return }
    turns.end(identity)
    settle(.failure(SessionEnd(.limit(.lookupQueue), "too many names are being resolved")))
  }

  /// What the system's resolver says.
  @Sendable static func bySystem(_ name: String, limit: Int) -> Result<[IPAddress], SessionEnd> {
    do throws(AddressLookup.Failure) {
      let addresses = try AddressLookup.addresses(of: name, limit: limit).compactMap(IPAddress.init(octets:))
      guard !addresses.isEmpty else {
        return .failure(SessionEnd(.connectFailed(.noSuchName), "the name has no address"))
      }
      return .success(addresses)
    } catch {
      return .failure(SessionEnd(resolving: error))
    }
  }
}

extension SessionEnd {
  fileprivate init(resolving failure: AddressLookup.Failure) {
    switch failure.code {
    case EAI_NONAME, Self.noAddress: self.init(.connectFailed(.noSuchName), "\(failure)")
    case EAI_MEMORY: self.init(.limit(.memory), "\(failure)")
    default: self.init(.connectFailed(.resolver), "\(failure)")
    }
  }

  /// `EAI_NODATA`: the name is there, and has no address.
  private static let noAddress: Int32 = -5
}

/// Up until somebody lowers it.
private final class Flag: Sendable {
  private let state = Atomic(true)

  var isUp: Bool { self.state.load(ordering: .relaxed) }

  /// True for the first who does.
  func lower() -> Bool { self.state.exchange(false, ordering: .relaxed) }
}
