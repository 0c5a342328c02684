/// Reads, and the messages that they bring.
extension EncapsulationFlow {
  /// Those above ask for plaintext. Whether the read is passed on now.
  mutating func askedToRead() -> Bool {
    self.read = self.hasBacklog ? .heldBack : .passedOn
    return !self.hasBacklog
  }

  /// The network has delivered all that it had. Whether it is to be unwrapped now.
  mutating func deliveredByNetwork() -> Bool {
    switch self.read {
    case .passedOn: self.read = .unanswered
    case .answeredEarly: self.read = .none
    case .none, .unanswered, .heldBack: break
    }
    return !self.hasBacklog
  }

  // MARK: Messages that wait

  /// Messages have been unwrapped; those above have not got the plaintext yet.
  mutating func unwrappedMessages(hasPlaintext: Bool, hasMore: Bool) {
    if hasMore {
      switch self.backlog {
      case .empty: self.backlog = .waiting
      case .cleared: self.backlog = .scheduled
      case .waiting, .scheduled: break
      }
    } else {
      self.dropBacklog()
    }
    guard hasPlaintext else { return }
    switch self.read {
    case .passedOn: self.read = .answeredEarly
    case .unanswered: self.read = .none
    case .none, .answeredEarly, .heldBack: break
    }
  }

  mutating func dropBacklog() {
    switch self.backlog {
    case .waiting: self.backlog = .empty
    case .scheduled: self.backlog = .cleared
    case .empty, .cleared: break
    }
  }

  /// What follows when those above have got their plaintext.
  enum Continuation: Hashable {
    /// A turn that is scheduled already unwraps the rest.
    case wait
    /// Schedule a turn of the loop to unwrap the rest.
    case scheduleTurn
    /// Nothing waits: pass on the read that is still wanted, and then the end of the input that came meanwhile.
    case goOn(passingReadOn: Bool)
  }

  mutating func deliveredPlaintext() -> Continuation {
    switch self.backlog {
    case .waiting:
      self.backlog = .scheduled
      return .scheduleTurn
    case .scheduled:
      return .wait
    case .empty, .cleared:
      // A token that is not whole yet is nothing to those above: the read that they asked for goes on.
      switch self.read {
      case .heldBack, .unanswered:
        self.read = .passedOn
        return .goOn(passingReadOn: true)
      case .none, .passedOn, .answeredEarly:
        return .goOn(passingReadOn: false)
      }
    }
  }

  /// The turn has come. Whether there is something to unwrap.
  mutating func turnBegan() -> Bool {
    switch self.backlog {
    case .scheduled: self.backlog = .waiting
    case .cleared: self.backlog = .empty
    case .empty, .waiting: break
    }
    return self.hasBacklog
  }
}
