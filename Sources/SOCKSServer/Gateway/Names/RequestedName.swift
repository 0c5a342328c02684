import SOCKSCore

/// A name that a client asks for, as the rules see it: a request for each complete name that it may stand for.
struct RequestedName: Sendable {
  struct Candidate: Sendable {
    let evaluation: AccessEvaluation
    /// What the rules say whatever the address, where that is a refusal.
    let refusal: AccessDecision?

    var host: SOCKSHost { self.evaluation.request.host }
  }

  /// In the order of the question.
  let candidates: [Candidate]
  let question: NameQuestion

  /// - Parameter evaluate: what the rules have to do with a complete name.
  init(_ name: HostName, search: [HostName], evaluate: (HostName) -> AccessEvaluation) {
    var question = NameQuestion(name, search: search)
    var candidates: [Candidate] = []
    for (index, candidate) in question.candidates.enumerated() {
      let evaluation = evaluate(candidate.name)
      let refusal = evaluation.refusal
      question.candidates[index].isRefused = refusal != nil
      candidates.append(Candidate(evaluation: evaluation, refusal: refusal))
    }
    self.candidates = candidates
    self.question = question
  }

  /// The refusal that nothing can avoid: then nobody is asked about anything.
  var certainRefusal: (candidate: Candidate, decision: AccessDecision)? {
    // Behind the first refused name that is not merely a label of the hosts file nothing is looked for.
    for (candidate, name) in zip(self.candidates, self.question.candidates) {
      guard let refusal = candidate.refusal else { return nil }
      if name.source == .resolver { return (candidate, refusal) }
    }
    guard let first = self.candidates.first, let refusal = first.refusal else { return nil }
    return (first, refusal)
  }

  /// Which of the names an answer is about, and the addresses that it has; nil for an answer to another question.
  func candidate(in answer: NameAnswer) -> (candidate: Candidate, addresses: [IPAddress])? {
    let (index, addresses): (Int, [IPAddress]) =
      switch answer {
      case .found(let index, let addresses): (index, addresses)
      case .refused(let index): (index, [])
      }
    return self.candidates.indices.contains(index) ? (self.candidates[index], addresses) : nil
  }
}
