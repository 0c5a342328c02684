import ProxySession
import Testing

@testable import SOCKSServer

@Suite struct EarlyDropTests {
  @Test func theProbabilityGrowsBetweenTheMarks() throws {
    let drop = try EarlyDrop(parsing: "10:30:100")
    #expect([0, 9].map(drop.probability) == [0, 0])
    #expect([10, 55, 99].map(drop.probability) == [30, 65, 99])
    #expect([100, 1_000_000].map(drop.probability) == [100, 100])
    for count in 10..<100 { #expect(drop.probability(at: count) <= drop.probability(at: count + 1)) }
  }

  @Test func withOneMarkAllAreDroppedFromThereOn() throws {
    let drop = try EarlyDrop(parsing: "5:1:5")
    #expect([4, 5, 6].map(drop.probability) == [0, 100, 100])
  }

  @Test(arguments: [
    "", "10", "10:30", "10:30:100:1", "0:30:100", "10:0:100", "10:101:100", "100:30:10", "a:30:100", "10: 30:100",
    "10:30:1000001",
  ])
  func otherTextsAreRefused(_ text: String) {
    #expect(throws: ValueError.self) { try EarlyDrop(parsing: text) }
  }

  @Test func theDefaultFollowsTheConnections() {
    #expect(EarlyDrop(connections: 10_000).description == "2500:30:5000")
    #expect(EarlyDrop(connections: 1).description == "100:30:200")
    #expect(EarlyDrop(connections: 1_000_000).description == "250000:30:500000")
  }
}
