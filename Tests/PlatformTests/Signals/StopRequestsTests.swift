import Testing

@testable import Platform

@Suite struct StopRequestsTests {
  private static func actions(
    _ hangUp: StopRequests.HangUp, _ signals: [ProgramSignal]
  ) -> [StopRequests.Action] {
    var requests = StopRequests(hangUp: hangUp)
    var actions: [StopRequests.Action] = []
    for signal in signals { actions.append(requests.received(signal)) }
    return actions
  }

  @Test func aSecondRequestStopsAtOnce() {
    let expected: [StopRequests.Action] = [.stop, .stopAtOnce, .ignore, .ignore]
    #expect(Self.actions(.isReported, [.terminate, .terminate, .terminate, .interrupt]) == expected)
    #expect(Self.actions(.stops, [.interrupt, .terminate, .interrupt, .hangUp]) == expected)
  }

  @Test func hangUpNeverEndsAGateway() {
    let signals: [ProgramSignal] = [.hangUp, .hangUp, .terminate, .hangUp, .terminate]
    #expect(
      Self.actions(.isReported, signals) == [.reportHangUp, .reportHangUp, .stop, .reportHangUp, .stopAtOnce])
  }

  @Test func aTerminalThatClosesIsOneRequest() {
    #expect(Self.actions(.stops, [.hangUp, .hangUp, .terminate]) == [.stop, .ignore, .stopAtOnce])
    #expect(Self.actions(.stops, [.terminate, .hangUp]) == [.stop, .ignore])
  }

  @Test func numbersAreTheSystems() { #expect(ProgramSignal.allCases.map(\.rawValue) == [1, 2, 15]) }
}
