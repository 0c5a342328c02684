import NIOCore
import Synchronization

/// The sessions of each principal: their number, and the bandwidth that they share.
///
/// What a principal has used of its bandwidth in advance it still owes when it comes back: an account is kept until its
/// debt is paid.
final class PrincipalAccounts: Sendable {
  fileprivate struct Account {
    let number: UInt64
    var sessions = 0
    let bucket: BandwidthBucket?
  }

  private struct State {
    /// Of principals with a session, never more than there are connections, and of debtors.
    var accounts: [Identity: Account] = [:]
    /// Accounts without a session. The debt of some may have been paid since.
    var closed = 0
    var nextNumber: UInt64 = 1
    /// They are looked through when there are so many.
    var nextRound = PrincipalAccounts.smallestRound
  }

  /// Principals without a session whose debt is remembered; beyond that, those who owe least are forgiven.
  static let maximumDebtors = 10_000
  private static let smallestRound = 64

  private let limit: Int
  private let bandwidth: Bandwidth?
  private let now: @Sendable () -> NIODeadline
  private let state = Mutex(State())

  init(_ limits: Configuration.Limits, now: @escaping @Sendable () -> NIODeadline = { .now() }) {
    self.limit = limits.sessionsPerPrincipal
    self.bandwidth = limits.bandwidthPerPrincipal
    self.now = now
  }

  /// Principals with a session.
  var count: Int { self.state.withLock { $0.accounts.count - $0.closed } }

  /// Principals without one that are remembered.
  var closedCount: Int { self.state.withLock { $0.closed } }

  /// One more session of a principal.
  ///
  /// - Returns: nil when it has as many as it may have.
  func open(_ identity: Identity, now: NIODeadline) -> PrincipalSession? {
    let identity = identity.accountKey
    return self.state.withLock { state in
      var account =
        state.accounts[identity]
        ?? Account(number: state.nextNumber, bucket: self.bandwidth.map { BandwidthBucket($0, now: now) })
      guard account.sessions < self.limit else { return nil }
      if state.accounts[identity] == nil { state.nextNumber += 1 } else if account.sessions == 0 { state.closed -= 1 }
      account.sessions += 1
      state.accounts[identity] = account
      return PrincipalSession(accounts: self, identity: identity, account)
    }
  }

  fileprivate func close(_ identity: Identity) {
    let now = self.now()
    self.state.withLock { state in
      guard var account = state.accounts[identity] else { return }
      account.sessions -= 1
      let isKept = account.sessions > 0 || account.debt(now) > .zero
      state.accounts[identity] = isKept ? account : nil
      guard isKept, account.sessions == 0 else { return }
      state.closed += 1
      if state.closed >= state.nextRound { Self.forget(&state, now) }
    }
  }

  /// Forgets who owes nothing any more, and, where too many are left, an eighth of them: those who owe least.
  private static func forget(_ state: inout State, _ now: NIODeadline) {
    var debtors: [(identity: Identity, debt: TimeAmount)] = []
    for (identity, account) in state.accounts where account.sessions == 0 {
      let debt = account.debt(now)
      if debt > .zero { debtors.append((identity, debt)) } else { state.accounts[identity] = nil }
    }
    state.closed = debtors.count
    if debtors.count >= Self.maximumDebtors {
      debtors.sort { $0.debt < $1.debt }
      let forgiven = debtors.prefix(max(1, debtors.count / 8))
      for (identity, _) in forgiven { state.accounts[identity] = nil }
      state.closed -= forgiven.count
    }
    state.nextRound = min(Self.maximumDebtors, max(Self.smallestRound, 2 * state.closed))
  }
}

extension PrincipalAccounts.Account {
  fileprivate func debt(_ now: NIODeadline) -> TimeAmount { self.bucket?.debt(now) ?? .zero }
}

extension Identity {
  /// Whose account this is. Active Directory takes a user's name in any case, and puts it into the ticket as it was typed: for
  /// what a user may use up, all of these are one.
  var accountKey: Identity {
    guard case .principal(let principal) = self.normalised else { return self.normalised }
    return .principal(
      Principal(components: principal.components.map(Self.folded), realm: Self.folded(principal.realm)))
  }

  private static func folded(_ name: [UInt8]) -> [UInt8] {
    guard let text = String(validating: name, as: UTF8.self) else { return name }
    return Array(text.lowercased().utf8)
  }
}

/// A session that counts for its principal for as long as this lives.
final class PrincipalSession: Sendable {
  /// The account's, which no other principal ever has.
  let number: UInt64
  let bucket: BandwidthBucket?
  private let accounts: PrincipalAccounts
  private let identity: Identity

  fileprivate init(accounts: PrincipalAccounts, identity: Identity, _ account: PrincipalAccounts.Account) {
    self.accounts = accounts
    self.identity = identity
    self.number = account.number
    self.bucket = account.bucket
  }

  deinit { self.accounts.close(self.identity) }
}
