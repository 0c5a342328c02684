import NIOCore
import Synchronization

/// The sessions of each principal: their number, and the bandwidth that they share.
final class PrincipalAccounts: Sendable {
  private struct Account {
    var sessions = 0
    let bucket: BandwidthBucket?
  }

  private let limit: Int
  private let bandwidth: Bandwidth?
  /// Only principals with a session: never more than there are connections.
  private let accounts = Mutex<[Identity: Account]>([:])

  init(_ limits: Configuration.Limits) {
    self.limit = limits.sessionsPerPrincipal
    self.bandwidth = limits.bandwidthPerPrincipal
  }

  /// Principals with a session.
  var count: Int { self.accounts.withLock { $0.count } }

  /// One more session of a principal.
  ///
  /// - Returns: nil when it has as many as it may have.
  func open(_ identity: Identity, now: NIODeadline) -> PrincipalSession? {
    let identity = identity.normalised
    return self.accounts.withLock { accounts in
      var account = accounts[identity] ?? Account(bucket: self.bandwidth.map { BandwidthBucket($0, now: now) })
      guard account.sessions < self.limit else { return nil }
      account.sessions += 1
      accounts[identity] = account
      return PrincipalSession(accounts: self, identity: identity, bucket: account.bucket)
    }
  }

  fileprivate func close(_ identity: Identity) {
    self.accounts.withLock { accounts in
      guard var account = accounts[identity] else { return }
      account.sessions -= 1
      accounts[identity] = account.sessions > 0 ? account : nil
    }
  }
}

/// A session that counts for its principal for as long as this lives.
final class PrincipalSession: Sendable {
  let bucket: BandwidthBucket?
  private let accounts: PrincipalAccounts
  private let identity: Identity

  fileprivate init(accounts: PrincipalAccounts, identity: Identity, bucket: BandwidthBucket?) {
    self.accounts = accounts
    self.identity = identity
    self.bucket = bucket
  }

  deinit { self.accounts.close(self.identity) }
}
