public import NIOCore
public import SOCKSCore
public import SOCKSNIO

/// A context whose steps end as the test has written down.
public final class FakeEstablishment: ContextEstablishment {
  public enum Step: Sendable {
    case continueNeeded([UInt8])
    /// Nil: the library has no token for the peer.
    case complete([UInt8]?)
    case failed(SOCKSError)
  }

  /// The tokens handed over, nil for the beginning.
  public private(set) var tokens: [[UInt8]?] = []
  /// Steps end only when ``release()`` is called, in the loop's next turn otherwise.
  public var holdsSteps = false
  public var attributes: SecurityContextAttributes
  /// The protection that the last step brings; nobody but the receiver holds it then.
  public private(set) weak var protection: FakeProtection?
  /// Sets knobs on the protection before it is handed out.
  public var prepare: (FakeProtection) -> Void = { _ in }

  private let eventLoop: any EventLoop
  private var script: [Step]
  private var held: (() -> Void)?

  public init(
    _ script: [Step], on eventLoop: any EventLoop, attributes: SecurityContextAttributes = .fake()
  ) {
    self.script = script
    self.eventLoop = eventLoop
    self.attributes = attributes
  }

  /// True while a step waits to be released.
  public var isHeld: Bool { self.held != nil }

  public func step(_ token: ByteBuffer?, completion: @escaping Completion) {
    self.tokens.append(token.map { Array($0.readableBytesView) })
    let step =
      self.script.isEmpty ? Step.failed(SOCKSError(.contextFailed, "no further step")) : self.script.removeFirst()
    let (result, protection) = self.outcome(step)
    if self.holdsSteps {
      self.held = { completion(result, protection) }
    } else {
      self.eventLoop.assumeIsolated().execute { completion(result, protection) }
    }
  }

  /// Ends the step in flight, from where a loop would call.
  public func release() {
    let held = self.held
    self.held = nil
    held?()
  }

  private func outcome(_ step: Step) -> (ContextStepResult, (any PerMessageProtection)?) {
    switch step {
    case .continueNeeded(let token):
      return (.continueNeeded(token: ByteBuffer(bytes: token)), nil)
    case .complete(let token):
      let protection = FakeProtection()
      self.prepare(protection)
      self.protection = protection
      return (.complete(self.attributes, token: token.map { ByteBuffer(bytes: $0) }), protection)
    case .failed(let error):
      return (.failed(error), nil)
    }
  }
}

extension SecurityContextAttributes {
  /// Attributes that satisfy everybody.
  public static func fake(
    services: Services = [.mutual, .replay, .sequence, .integrity, .confidentiality], encryptionType: Int32? = 18,
    acceptorName: String = "socks/gate.test@GARTER.TEST"
  ) -> Self {
    Self(
      services: services, mechanism: "krb5", encryptionType: encryptionType, initiatorName: "alice@GARTER.TEST",
      acceptorName: acceptorName, lifetime: 3_600)
  }
}
