import ProxySession
import Testing

@Suite struct SessionPartyTests {
  @Test func eachPartyHasAWordOfItsOwnForTheRecord() {
    #expect(SessionParty.allCases.map(\.rawValue) == ["client", "target", "gateway", "network"])
  }
}
