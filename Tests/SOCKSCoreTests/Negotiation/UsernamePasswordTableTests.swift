import SOCKSCore
import Testing

/// Every state of RFC 1929's machine with every event.
@Suite struct UsernamePasswordTableTests {
  enum State: CaseIterable { case awaitingRequest, checking, accepted, refused, abandoned, ended }
  enum Event: CaseIterable { case request, correct, wrong, deadline }

  typealias Action = UsernamePasswordSubnegotiation.Action

  static func apply(_ event: Event, to machine: inout UsernamePasswordSubnegotiation) throws -> Action {
    switch event {
    case .request: machine.receivedRequest(try UsernamePasswordRequest(username: [0x61], password: [0x62]))
    case .correct: machine.passwordChecked(.correct)
    case .wrong: machine.passwordChecked(.refused)
    case .deadline: machine.interrupted(SOCKSError(.timedOut))
    }
  }

  static func expected(_ state: State, _ event: Event) throws -> Action {
    switch (state, event) {
    case (.awaitingRequest, .request):
      .checkPassword(try UsernamePasswordRequest(username: [0x61], password: [0x62]))
    case (.awaitingRequest, .correct), (.awaitingRequest, .wrong), (.checking, .request):
      .fail(SOCKSError(.internalError))
    case (.awaitingRequest, .deadline): .fail(SOCKSError(.timedOut))
    case (.checking, .correct): .accept(username: [0x61], .success)
    case (.checking, .wrong): .refuse(.failure, SOCKSError(.passwordRefused))
    case (.checking, .deadline): .refuse(.failure, SOCKSError(.timedOut))
    case (.accepted, _), (.refused, _), (.abandoned, _), (.ended, _): .discard
    }
  }

  @Test(arguments: State.allCases, Event.allCases)
  func everyStateAnswersEveryEvent(state: State, event: Event) throws {
    let path: [Event]
    switch state {
    case .awaitingRequest: path = []
    case .checking: path = [.request]
    case .accepted: path = [.request, .correct]
    case .refused: path = [.request, .wrong]
    case .abandoned: path = [.request, .deadline]
    case .ended: path = [.deadline]
    }
    var machine = UsernamePasswordSubnegotiation()
    for event in path { _ = try Self.apply(event, to: &machine) }
    #expect(machine.isChecking == (state == .checking))
    #expect(try Self.apply(event, to: &machine) == Self.expected(state, event))
    // A password that was abandoned, then found correct, opens nothing.
    guard state != .awaitingRequest, !(state == .checking && event == .correct) else { return }
    #expect(try Self.apply(.correct, to: &machine) == .discard)
  }
}
