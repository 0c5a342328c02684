import NIOCore
import SOCKSCore
import SOCKSNIO

/// An initiator's context whose failure is explained where the gateway's name is the cause.
final class ExplainedEstablishment: ContextEstablishment {
  private let establishment: any ContextEstablishment
  private let explanation: NameExplanation
  private let eventLoop: any EventLoop

  init(_ establishment: any ContextEstablishment, _ explanation: NameExplanation, eventLoop: any EventLoop) {
    self.establishment = establishment
    self.explanation = explanation
    self.eventLoop = eventLoop
  }

  func step(_ token: ByteBuffer?, completion: @escaping (EstablishmentStep) -> Void) {
    let (explanation, eventLoop) = (self.explanation, self.eventLoop)
    self.establishment.step(token) { step in
      switch step {
      case .continueNeeded, .complete: completion(step)
      case .failed(let error): explanation.explain(error, on: eventLoop) { completion(.failed($0)) }
      }
    }
  }
}
