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

  func step(_ token: ByteBuffer?, completion: @escaping Completion) {
    let (explanation, eventLoop) = (self.explanation, self.eventLoop)
    self.establishment.step(token) { result, protection in
      switch result {
      case .continueNeeded, .complete: completion(result, protection)
      case .failed(let error): explanation.explain(error, on: eventLoop) { completion(.failed($0), nil) }
      }
    }
  }
}
