import Testing

@testable import SOCKSNIO

/// Every part of the encapsulation layer's memory with every event: what is answered, what it becomes, and that nothing else
/// changes.
@Suite struct EncapsulationFlowTests {
  typealias Flow = EncapsulationFlow
  typealias Backlog = Flow.Backlog
  typealias Read = Flow.Read

  /// All that can be remembered.
  static let all: [Flow] = {
    var flows: [Flow] = []
    for state in [.protecting, .associated, .poisoned] as [Flow.State] {
      for backlog in Backlog.allCases {
        for read in Read.allCases {
          for inputEnd in Flow.InputEnd.allCases {
            for output in Flow.Output.allCases {
              for wrapping in Flow.Wrapping.allCases {
                flows.append(
                  Flow(
                    state: state, backlog: backlog, read: read, inputEnd: inputEnd, output: output, wrapping: wrapping))
              }
            }
          }
        }
      }
    }
    return flows
  }()

  /// Applies an event to everything, and compares answer and outcome; nil stays as it is.
  private static func check<Answer: Equatable>(
    _ event: (inout Flow) -> Answer,
    _ expected: (Flow) -> (
      Answer, state: Flow.State?, backlog: Backlog?, read: Read?, inputEnd: Flow.InputEnd?, output: Flow.Output?,
      wrapping: Flow.Wrapping?
    ), sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for flow in self.all {
      var changed = flow
      let answer = event(&changed)
      let (wanted, state, backlog, read, inputEnd, output, wrapping) = expected(flow)
      #expect(answer == wanted, "\(flow)", sourceLocation: sourceLocation)
      let outcome = Flow(
        state: state ?? flow.state, backlog: backlog ?? flow.backlog, read: read ?? flow.read,
        inputEnd: inputEnd ?? flow.inputEnd, output: output ?? flow.output, wrapping: wrapping ?? flow.wrapping)
      #expect(changed == outcome, "\(flow)", sourceLocation: sourceLocation)
    }
  }

  /// Nothing waits: what becomes of the backlog, and whether there was one.
  static let dropped: [Backlog: Backlog] = [
    .empty: .empty, .waiting: .empty, .scheduled: .cleared, .cleared: .cleared,
  ]
  static let holdsMessages: [Backlog: Bool] = [.empty: false, .waiting: true, .scheduled: true, .cleared: false]

  @Test func whetherMessagesWait() {
    Self.check {
      $0.hasBacklog
    } _: {
      (Self.holdsMessages[$0.backlog] ?? false, nil, nil, nil, nil, nil, nil)
    }
  }

  @Test func aReadIsPassedOnUnlessMessagesWait() {
    Self.check {
      $0.askedToRead()
    } _: { flow in
      let isPassedOn = Self.holdsMessages[flow.backlog] == false
      return (isPassedOn, nil, nil, isPassedOn ? .passedOn : .heldBack, nil, nil, nil)
    }
  }

  @Test func theNetworkHasDelivered() {
    let reads: [Read: Read] = [
      .none: .none, .passedOn: .unanswered, .unanswered: .unanswered, .answeredEarly: .none, .heldBack: .heldBack,
    ]
    Self.check {
      $0.deliveredByNetwork()
    } _: {
      (Self.holdsMessages[$0.backlog] == false, nil, nil, reads[$0.read], nil, nil, nil)
    }
  }

  @Test(arguments: [false, true], [false, true])
  func messagesHaveBeenUnwrapped(hasPlaintext: Bool, hasMore: Bool) {
    let more: [Backlog: Backlog] = [
      .empty: .waiting, .waiting: .waiting, .scheduled: .scheduled, .cleared: .scheduled,
    ]
    let answered: [Read: Read] = [
      .none: .none, .passedOn: .answeredEarly, .unanswered: .none, .answeredEarly: .answeredEarly, .heldBack: .heldBack,
    ]
    Self.check {
      $0.unwrappedMessages(hasPlaintext: hasPlaintext, hasMore: hasMore)
      return true
    } _: { flow in
      (
        true, nil, (hasMore ? more : Self.dropped)[flow.backlog], hasPlaintext ? answered[flow.read] : nil, nil, nil,
        nil
      )
    }
  }

  @Test func whatFollowsWhenThePlaintextIsDelivered() {
    let passedOn: [Read: Bool] = [
      .none: false, .passedOn: false, .unanswered: true, .answeredEarly: false, .heldBack: true,
    ]
    Self.check {
      $0.deliveredPlaintext()
    } _: { flow in
      switch flow.backlog {
      case .waiting: return (.scheduleTurn, nil, .scheduled, nil, nil, nil, nil)
      case .scheduled: return (.wait, nil, nil, nil, nil, nil, nil)
      case .empty, .cleared:
        let isPassedOn = passedOn[flow.read] ?? false
        return (.goOn(passingReadOn: isPassedOn), nil, nil, isPassedOn ? .passedOn : nil, nil, nil, nil)
      }
    }
  }

  @Test func aTurnUnwrapsWhatStillWaits() {
    let begun: [Backlog: Backlog] = [.empty: .empty, .waiting: .waiting, .scheduled: .waiting, .cleared: .empty]
    Self.check {
      $0.turnBegan()
    } _: { flow in
      (Self.holdsMessages[flow.backlog] ?? false, nil, begun[flow.backlog], nil, nil, nil, nil)
    }
  }

  @Test func theEndOfTheInputComesBehindTheMessages() {
    Self.check {
      $0.inputEnded()
    } _: { flow in
      let waits = Self.holdsMessages[flow.backlog] ?? false
      return (!waits, nil, nil, nil, waits ? .heldBack : nil, nil, nil)
    }
    Self.check {
      $0.takeInputEnd()
    } _: {
      ($0.inputEnd == .heldBack, nil, nil, nil, Flow.InputEnd.none, nil, nil)
    }
  }

  @Test func theChannelsEndIsTheInputsEndBehindOurOwn() {
    Self.check {
      $0.outputEnded()
      return true
    } _: { _ in
      (true, nil, nil, nil, nil, .ended, nil)
    }
    Self.check {
      $0.errorCame()
      return true
    } _: { _ in
      (true, nil, nil, nil, nil, .open, nil)
    }
    Self.check {
      $0.channelEnded()
    } _: {
      ($0.output == .ended || $0.inputEnd == .heldBack, nil, nil, nil, Flow.InputEnd.none, nil, nil)
    }
  }

  @Test func whatEndsProtection() {
    Self.check {
      $0.associated()
      return true
    } _: { _ in
      (true, .associated, nil, nil, nil, nil, nil)
    }
    Self.check {
      $0.poisoned()
      return true
    } _: {
      (true, .poisoned, Self.dropped[$0.backlog], nil, nil, nil, nil)
    }
  }

  @Test func wrappingWaitsForItsTurn() {
    Self.check {
      $0.scheduledWrapping()
      return true
    } _: { _ in
      (true, nil, nil, nil, nil, nil, .scheduled)
    }
    Self.check {
      $0.wrappingTurnBegan()
      return true
    } _: { _ in
      (true, nil, nil, nil, nil, nil, .atOnce)
    }
  }
}
