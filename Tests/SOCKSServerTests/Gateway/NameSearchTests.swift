import ProxySession
import SOCKSCore
import Synchronization
import Testing

@testable import SOCKSServer

/// Which complete names are looked for, where, and in which order.
@Suite struct NameSearchTests {
  /// Everything that is asked, in order.
  private final class Record: Sendable {
    private let asked = Mutex<[String]>([])
    var all: [String] { self.asked.withLock { $0 } }
    func note(_ text: String) { self.asked.withLock { $0.append(text) } }
  }

  private static let domains = ["corp.test", "b.test"]

  private static func question(_ name: String, search: [String] = domains, refused: Set<String> = []) throws
    -> NameQuestion
  {
    var question = NameQuestion(try HostName(name), search: try search.map { try HostName($0) })
    for index in question.candidates.indices {
      question.candidates[index].isRefused = refused.contains(question.candidates[index].name.canonical)
    }
    return question
  }

  private static func sources(
    hosts: Set<String> = [], names: Set<String> = [], failing: Set<String> = [], _ record: Record
  ) -> NameSources {
    NameSources(
      lookUp: { name, _ in
        record.note("dns \(name)")
        if failing.contains(name) { return .failure(SessionEnd(.connectFailed(.resolver))) }
        return names.contains(name) ? .success([.v4(1)]) : .failure(SessionEnd(.connectFailed(.noSuchName)))
      },
      inHostsFile: { name, _ in
        record.note("hosts \(name)")
        return .success(hosts.contains(name) ? [.v4(2)] : [])
      })
  }

  @Test(
    arguments: [
      ("wiki.corp.test", ["dns wiki.corp.test"]), ("WIKI.x.", ["dns wiki.x"]), ("wiki.", ["dns wiki"]),
      ("wiki", ["hosts wiki", "dns wiki.corp.test", "dns wiki.b.test"]), ("localhost", ["hosts localhost"]),
      ("LOCALHOST.", ["hosts localhost"]),
      (
        String(repeating: "w", count: 63),
        ["hosts", "dns", "dns"].enumerated().map { index, source in
          "\(source) \(String(repeating: "w", count: 63))" + ["", ".corp.test", ".b.test"][index]
        }
      ),
    ])
  func theNamesThatAreAskedFor(name: String, expected: [String]) throws {
    let record = Record()
    _ = Self.sources(record).answer(try Self.question(name), limit: 16)
    #expect(record.all == expected)
  }

  @Test func theFirstNameThatExistsIsTheOne() throws {
    let record = Record()
    let both = Self.sources(names: ["wiki.corp.test", "wiki.b.test"], record)
    #expect(try both.answer(Self.question("wiki"), limit: 16) == .success(.found(candidate: 1, addresses: [.v4(1)])))
    let second = Self.sources(names: ["wiki.b.test"], record)
    #expect(try second.answer(Self.question("wiki"), limit: 16) == .success(.found(candidate: 2, addresses: [.v4(1)])))
    let file = Self.sources(hosts: ["wiki"], names: ["wiki.corp.test"], record)
    #expect(try file.answer(Self.question("wiki"), limit: 16) == .success(.found(candidate: 0, addresses: [.v4(2)])))
  }

  /// A refused name is not asked for, and ends the search: nobody gets to another domain's host by a rule.
  @Test func aRefusedNameEndsTheSearch() throws {
    let record = Record()
    let sources = Self.sources(names: ["wiki.corp.test", "wiki.b.test"], record)
    let refused = try Self.question("wiki", refused: ["wiki.corp.test"])
    #expect(sources.answer(refused, limit: 16) == .success(.refused(candidate: 1)))
    #expect(record.all == ["hosts wiki"])
  }

  /// The label itself may be refused without meaning anybody; where the hosts file has it, it is that host, refused.
  @Test func aRefusedLabelMattersOnlyWhereTheHostsFileHasIt() throws {
    let record = Record()
    let question = try Self.question("wiki", refused: ["wiki"])
    #expect(
      Self.sources(names: ["wiki.corp.test"], record).answer(question, limit: 16)
        == .success(.found(candidate: 1, addresses: [.v4(1)])))
    #expect(
      Self.sources(hosts: ["wiki"], names: ["wiki.corp.test"], record).answer(question, limit: 16)
        == .success(.refused(candidate: 0)))
  }

  /// A server that does not answer does not lead to the next domain either.
  @Test func aNameThatNobodyCanTellOfEndsTheSearch() throws {
    let record = Record()
    let sources = Self.sources(names: ["wiki.b.test"], failing: ["wiki.corp.test"], record)
    guard case .failure(let error) = sources.answer(try Self.question("wiki"), limit: 16) else {
      Issue.record("found")
      return
    }
    #expect(
      error.candidate == 1 && error.end.cause == .connectFailed(.resolver)
        && record.all == ["hosts wiki", "dns wiki.corp.test"])
  }

  @Test func aLabelAloneNamesTheKey() throws {
    guard case .failure(let error) = Self.sources(Record()).answer(try Self.question("wiki", search: []), limit: 16)
    else {
      Issue.record("found")
      return
    }
    #expect(error.end.cause == .connectFailed(.noSuchName) && error.end.detail.contains("names.search"))
  }

  @Test func localhostIsThisMachineWhateverTheHostsFileSays() throws {
    #expect(
      try Self.sources(Record()).answer(Self.question("localhost"), limit: 16)
        == .success(.found(candidate: 0, addresses: [.v6(high: 0, low: 1), .v4(0x7F00_0001)])))
    #expect(
      try Self.sources(hosts: ["localhost"], Record()).answer(Self.question("localhost"), limit: 16)
        == .success(.found(candidate: 0, addresses: [.v4(2)])))
  }
}
