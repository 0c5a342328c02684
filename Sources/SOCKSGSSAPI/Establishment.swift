import GSSAPI
import NIOCore
import SOCKSCore
import SOCKSNIO

/// A pending context whose steps run on a ``StepPool``.
///
/// Between steps the pending context lies in a one-shot box; a step takes it out and puts in what is left of it. When
/// the connection has gone in the meantime, the box goes too, and the library's context with it.
final class Establishment<Pending: ~Copyable & Sendable>: ContextEstablishment {
  typealias Step = @Sendable (consuming Pending, [UInt8]?) throws(SOCKSError) -> GSSStep<Pending>

  private enum State {
    /// Credentials are looked up on the pool too.
    case ready(@Sendable () throws(SOCKSError) -> Pending)
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
  private var state: State

  init(
    pool: StepPool, tokens: TokenEngine, eventLoop: any EventLoop,
    make: @escaping @Sendable () throws(SOCKSError) -> Pending,
    step: @escaping Step
  ) {
    self.pool = pool
    self.tokens = tokens
    self.eventLoop = eventLoop
    self.step = step
    self.state = .ready(make)
  }

  func step(_ token: ByteBuffer?, completion: @escaping Completion) {
    let state = self.state
    self.state = .ended
    let take: @Sendable () throws(SOCKSError) -> Pending?
    switch state {
    case .ready(let make): take = { () throws(SOCKSError) in try make() }
    case .pending(let box): take = { box.take() }
    case .ended:
      return self.later(SOCKSError(.internalError, "there is no pending context"), completion)
    }
    let step = self.step
    let octets = token.map { Array($0.readableBytesView) }
    let admitted = self.pool.submit(to: self.eventLoop) {
      Self.outcome(take: take, step: step, token: octets)
    } completion: { outcome in
      self.finish(outcome ?? .failed(SOCKSError(.stopping, "authentication is being shut down")), completion)
    }
    if !admitted { self.later(SOCKSError(.queueFull, "too many clients authenticate at once"), completion) }
  }

  private static func outcome(
    take: @Sendable () throws(SOCKSError) -> Pending?, step: Step, token: [UInt8]?
  ) -> Outcome {
    do throws(SOCKSError) {
      guard let pending = try take() else {
        return .failed(SOCKSError(.internalError, "there is no pending context"))
      }
      switch try step(pending, token) {
      case .continueNeeded(let pending, let token):
        return .continueNeeded(OneShot(pending), token: token)
      case .complete(let context, let token):
        let attributes = SecurityContextAttributes(context)
        return .complete(OneShot(context), attributes, token: token)
      }
    } catch {
      return .failed(error)
    }
  }

  private func finish(_ outcome: Outcome, _ completion: Completion) {
    switch outcome {
    case .continueNeeded(let box, let token):
      self.state = .pending(box)
      completion(.continueNeeded(token: ByteBuffer(bytes: token)), nil)
    case .complete(let box, let attributes, let token):
      guard let context = box.take() else {
        return completion(.failed(SOCKSError(.internalError, "the context is gone")), nil)
      }
      let protection = self.tokens.protection(of: context, on: self.eventLoop)
      completion(.complete(attributes, token: token.map { ByteBuffer(bytes: $0) }), protection)
    case .failed(let error):
      completion(.failed(error), nil)
    }
  }

  /// Completions never come before the call has returned.
  private func later(_ error: SOCKSError, _ completion: @escaping Completion) {
    self.eventLoop.assumeIsolated().execute { completion(.failed(error), nil) }
  }
}
