import SOCKSCore

/// What a client asks for, as the rules see it: an access for each complete name that its host may stand for.
struct RequestedTarget: Sendable {
  struct Candidate: Sendable {
    let access: AccessRequest
    /// What the rules say whatever the address, where that is a refusal.
    let refusal: AccessDecision?
  }

  /// As the client wrote it.
  let asked: SOCKSHost
  /// In the order of the question, if there is one.
  let candidates: [Candidate]
  /// Nil for an address.
  let question: NameQuestion?

  /// - Parameter decide: what the rules say before anything is resolved; nil unless it is a refusal.
  init(
    asked: SOCKSHost, _ access: AccessRequest, search: [HostName], decide: (AccessRequest) -> AccessDecision?
  ) {
    self.asked = asked
    guard case .name(let name) = access.host else {
      self.candidates = [Candidate(access: access, refusal: decide(access))]
      self.question = nil
      return
    }
    var question = NameQuestion(name, search: search)
    var candidates: [Candidate] = []
    for (index, candidate) in question.candidates.enumerated() {
      var access = access
      access.host = .name(candidate.name)
      let refusal = decide(access)
      question.candidates[index].isRefused = refusal != nil
      candidates.append(Candidate(access: access, refusal: refusal))
    }
    self.candidates = candidates
    self.question = question
  }

  /// The access for the host itself.
  var first: AccessRequest? { self.candidates.first?.access }

  /// The refusal that nothing can avoid: then nobody is asked about anything.
  var certainRefusal: (candidate: Candidate, decision: AccessDecision)? {
    // Behind the first refused name that is not merely a label of the hosts file nothing is looked for.
    let reachable = zip(self.candidates, self.question?.candidates ?? [])
    for (candidate, name) in reachable {
      guard let refusal = candidate.refusal else { return nil }
      if name.source == .resolver { return (candidate, refusal) }
    }
    guard let first = self.candidates.first, let refusal = first.refusal else { return nil }
    return (first, refusal)
  }

  /// The host that is judged, where it is another than the one asked for: a completed name, a converted one, an address.
  func judgedHost(_ access: AccessRequest) -> SOCKSHost? {
    access.host.isSame(as: self.asked) ? nil : access.host
  }
}

/// The addresses of a target that the rules allow, at least one, and what they were asked.
struct ResolvedTarget {
  let access: AccessRequest
  let addresses: [IPAddress]
}
