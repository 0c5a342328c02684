import GSSAPI
import NIOCore
import SOCKSCore
import SOCKSNIO

/// A pending context whose steps run on a ``StepPool``.
///
/// Between steps the pending context lies in a one-shot box; a step takes it out and puts in what is left of it. When
/// the connection has gone in the meantime, the box goes too, and the library's context with it.
final class Establishment<Pending: ~Copyable & Sendable>: ContextEstablishment {
  typealias Step = @Sendable (consuming Pending, [UInt8]?) throws(GSSError) -> GSSStep<Pending>

  private enum State {
    /// Credentials are looked up on the pool too.
    case ready(@Sendable () throws(GSSError) -> Pending)
    case pending(OneShot<Pending>)
    case ended
  }

  private enum Outcome: Sendable {
    case continueNeeded(OneShot<Pending>, token: [UInt8])
    case complete(OneShot<GSSSecurityContext>, SecurityContextAttributes, token: [UInt8]?)
    case failed(SOCKSError)
  }

  private let pool: StepPool
  private let tokens: TokenEngine
  private let eventLoop: any EventLoop
  private let step: Step
  private let failure: @Sendable (GSSError) -> SOCKSError
  private var state: State

  init(
    pool: StepPool, tokens: TokenEngine, eventLoop: any EventLoop,
    make: @escaping @Sendable () throws(GSSError) -> Pending,
    step: @escaping Step,
    failure: @escaping @Sendable (GSSError) -> SOCKSError = { SOCKSError(establishing: $0) }
  ) {
    self.pool = pool
    self.tokens = tokens
    self.eventLoop = eventLoop
    self.step = step
    self.failure = failure
    self.state = .ready(make)
  }

  func step(_ token: ByteBuffer?, completion: @escaping (EstablishmentStep) -> Void) {
    let state = self.state
    self.state = .ended
    let take: @Sendable () throws(GSSError) -> Pending?
    switch state {
    case .ready(let make): take = { () throws(GSSError) in try make() }
    case .pending(let box): take = { box.take() }
    case .ended:
      return self.later(.failed(SOCKSError(.unreachableState, "there is no pending context")), completion)
    }
    let step = self.step
    let failure = self.failure
    let octets = token.map { Array($0.readableBytesView) }
    let admitted = self.pool.submit(to: self.eventLoop) {
      Self.outcome(take: take, step: step, token: octets, failure)
    } completion: { outcome in
      completion(self.finish(outcome ?? .failed(SOCKSError(.tooBusy, "authentication is being shut down"))))
    }
    if !admitted { self.later(.failed(SOCKSError(.tooBusy, "too many clients authenticate at once")), completion) }
  }

  private static func outcome(
    take: @Sendable () throws(GSSError) -> Pending?, step: Step, token: [UInt8]?,
    _ failure: @Sendable (GSSError) -> SOCKSError
  ) -> Outcome {
    do throws(GSSError) {
      guard let pending = try take() else {
        return .failed(SOCKSError(.unreachableState, "there is no pending context"))
      }
      switch try step(pending, token) {
      case .continueNeeded(let pending, let token):
        return .continueNeeded(OneShot(pending), token: token)
      case .complete(let context, let token):
        let attributes = SecurityContextAttributes(context)
        return .complete(OneShot(context), attributes, token: token)
      }
    } catch {
      return .failed(failure(error))
    }
  }

  private func finish(_ outcome: Outcome) -> EstablishmentStep {
    switch outcome {
    case .continueNeeded(let box, let token):
      self.state = .pending(box)
      return .continueNeeded(token: ByteBuffer(bytes: token))
    case .complete(let box, let attributes, let token):
      guard let context = box.take() else { return .failed(SOCKSError(.unreachableState, "the context is gone")) }
      let protection = self.tokens.protection(of: context, on: self.eventLoop)
      return .complete(attributes, token: token.map { ByteBuffer(bytes: $0) }, protection)
    case .failed(let error):
      return .failed(error)
    }
  }

  /// Completions never come before the call has returned.
  private func later(_ step: EstablishmentStep, _ completion: @escaping (EstablishmentStep) -> Void) {
    self.eventLoop.assumeIsolated().execute { completion(step) }
  }
}
