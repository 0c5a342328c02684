import GSSAPI
import SOCKSCore
import Synchronization

/// The acceptor's credentials: one for each principal of the keytab and each step that runs at the same time, since the
/// library locks a credential for the whole of a step.
///
/// A credential holds a copy of its principal's keys, and is used as long as the keytab's file is unchanged. Everything
/// here may read files: for the threads of a ``StepPool`` only.
final class AcceptorCredentials: Sendable {
  /// Credentials that wait for their next use, of all principals together.
  static let maximumIdle = 64

  /// How old what was read of a keytab may be that is no file, so that nothing tells of its changes.
  static let unwatchedLifetime = Duration.seconds(1)

  /// A credential for one step; to be given back.
  struct Loan: Sendable {
    let credential: GSSCredential
    /// The keytab's entry.
    let principal: KerberosTicketServer
    fileprivate let generation: UInt64
  }

  /// The keytab as it was read.
  private struct Reading: Sendable {
    let served: ServedPrincipals
    let file: KeytabFile?
    let generation: UInt64
    let time: ContinuousClock.Instant
    /// The file's stamps were old enough that no later change can have the same ones.
    let isSettled: Bool
  }

  private struct State {
    var reading: Reading?
    var generation: UInt64 = 0
    /// The least recently used first.
    var idle: [Loan] = []
  }

  private let configuration: GSSAcceptorProvider.Configuration
  private let onWritableKeytab: @Sendable (String) -> Void
  private let state = Mutex(State())

  /// - Parameter onWritableKeytab: called with an explanation each time the keytab has changed and users other than its
  ///   owner may write it. Its keys are used all the same: refusing everybody would not undo what has happened.
  init(
    _ configuration: GSSAcceptorProvider.Configuration, onWritableKeytab: @escaping @Sendable (String) -> Void
  ) {
    self.configuration = configuration
    self.onWritableKeytab = onWritableKeytab
  }

  /// The principals that the keytab serves now.
  func served() throws(SOCKSError) -> ServedPrincipals { try self.current().served }

  /// A credential of the entry that a ticket's server name selects; of the first one where the token shows no name: then
  /// it is another mechanism's, or the library will say what is wrong with it.
  func borrow(for server: KerberosTicketServer?) throws(SOCKSError) -> Loan {
    let reading = try self.current()
    guard let first = reading.served.principals.first else {
      throw SOCKSError(
        .keytabUnreadable,
        "the keytab \(self.configuration.keytab) has no key for "
          + "\(reading.served.services.joined(separator: "/… or "))/…")
    }
    guard let principal = server.map(reading.served.principal(for:)) ?? first.server else {
      throw server.map { reading.served.refusal(of: $0, keytab: self.configuration.keytab) }
        ?? SOCKSError(.serviceNotServed)
    }
    let waiting: Loan? = self.state.withLock { state in
      let index = state.idle.lastIndex {
        $0.generation == reading.generation && $0.principal.isSamePrincipal(as: principal)
      }
      return index.map { state.idle.remove(at: $0) }
    }
    if let waiting { return waiting }
    do throws(GSSError) {
      let credential = try GSSCredential(
        acceptorWithKeysOf: principal, mechanisms: self.configuration.allowsNegotiation ? [.krb5, .spnego] : [.krb5],
        keytab: self.configuration.keytab, replayCache: self.configuration.replayCache)
      return Loan(credential: credential, principal: principal, generation: reading.generation)
    } catch {
      throw SOCKSError(readingKeytab: self.configuration.keytab, error)
    }
  }

  func giveBack(_ loan: Loan) {
    // What is dropped is freed outside the lock: it wipes keys.
    let dropped: [Loan] = self.state.withLock { state in
      guard loan.generation == state.generation else { return [] }
      state.idle.append(loan)
      guard state.idle.count > Self.maximumIdle else { return [] }
      return [state.idle.removeFirst()]
    }
    withExtendedLifetime(dropped) {}
  }

  /// Credentials that wait now.
  var idleCount: Int { self.state.withLock { $0.idle.count } }

  /// What is in the keytab, read again if it has changed.
  private func current() throws(SOCKSError) -> Reading {
    let file: KeytabFile?
    do throws(GSSError) {
      file = try KeytabFile.status(of: self.configuration.keytab)
    } catch {
      throw SOCKSError(readingKeytab: self.configuration.keytab, error)
    }
    let now = ContinuousClock.now
    if let reading = self.state.withLock({ $0.reading }), self.isCurrent(reading, file, now) { return reading }
    return try self.read(file, now)
  }

  private func isCurrent(_ reading: Reading, _ file: KeytabFile?, _ now: ContinuousClock.Instant) -> Bool {
    guard let file else { return now - reading.time < Self.unwatchedLifetime }
    return reading.isSettled && reading.file == file
  }

  private func read(_ file: KeytabFile?, _ now: ContinuousClock.Instant) throws(SOCKSError) -> Reading {
    let entries: [KerberosKeytab.Entry]
    do throws(GSSError) {
      entries = try KerberosKeytab.entries(of: self.configuration.keytab)
    } catch {
      throw SOCKSError(readingKeytab: self.configuration.keytab, error)
    }
    let served = ServedPrincipals(entries: entries, services: self.configuration.services)
    var outdated: [Loan] = []
    let (reading, hasChanged): (Reading, Bool) = self.state.withLock { state in
      let hasChanged = state.reading?.file != file
      state.generation += 1
      swap(&outdated, &state.idle)
      let reading = Reading(
        served: served, file: file, generation: state.generation, time: now,
        isSettled: file?.isSettled ?? false)
      state.reading = reading
      return (reading, hasChanged)
    }
    outdated.removeAll()
    if hasChanged, let file, file.isWritableByOthers {
      self.onWritableKeytab(file.writableText(self.configuration.keytab))
    }
    return reading
  }
}
