import Testing

@testable import Platform

@Suite struct DatagramOwnerTests {
  private func endpoint(_ text: String) throws -> SocketEndpoint {
    let parts = text.split(separator: ":")
    return try #require(
      SocketEndpoint(octets: parts[0].split(separator: ".").compactMap { UInt8($0) }, port: UInt16(parts[1]) ?? 0))
  }

  @Test(arguments: SocketOwnerTests.Family.allCases, [true, false])
  func aSenderHasItsUser(family: SocketOwnerTests.Family, isConnected: Bool) throws {
    let pair = try LoopbackDatagrams(family, isConnected: isConnected)
    #expect(DatagramOwners.read().owner(sender: pair.sender, receiver: pair.receiver) == .user(currentUserID()))
    pair.closeSender()
    #expect(DatagramOwners.read().owner(sender: pair.sender, receiver: pair.receiver) == .nobody)
  }

  /// Only root can make another user's socket.
  @Test(arguments: SocketOwnerTests.Family.allCases)
  func anotherUsersSenderIsThatUsers(family: SocketOwnerTests.Family) throws {
    let owner = currentUserID() == 0 ? 54_321 : currentUserID()
    let pair = try LoopbackDatagrams(family, owner: owner)
    #expect(DatagramOwners.read().owner(sender: pair.sender, receiver: pair.receiver) == .user(owner))
  }

  /// Lines of the two tables, and whose the sender 127.0.0.1:8081 is.
  private func owner(_ v4: [String]?, _ v6: [String]? = []) throws -> DatagramOwners.Answer {
    let tables = [v4, v6].map { lines in
      lines.map { SocketTable(Array((["header"] + $0).joined(separator: "\n").utf8)) }
    }
    return DatagramOwners(v4: tables[0], v6: tables[1]).owner(
      sender: try self.endpoint("127.0.0.1:8081"), receiver: try self.endpoint("127.0.0.1:8080"))
  }

  /// In the tables 127.0.0.1:8081 is `0100007F:1F91`.
  private func line(_ local: String, _ remote: String = "00000000:0000", user: Int = 1000, inode: Int = 77) -> String {
    "0: \(local) \(remote) 07 0:0 0:0 0 \(user) 0 \(inode) 2"
  }

  @Test func socketsThatMayHaveSent() throws {
    let any6 = String(repeating: "0", count: 32)
    #expect(try self.owner([self.line("0100007F:1F91")]) == .user(1000))
    #expect(try self.owner([self.line("00000000:1F91")]) == .user(1000))
    #expect(try self.owner([self.line("0100007F:1F91", "0100007F:1F90")]) == .user(1000))
    #expect(try self.owner([], [self.line("\(any6):1F91", "\(any6):0000")]) == .user(1000))
    #expect(try self.owner([], [self.line("0000000000000000FFFF00000100007F:1F91", "\(any6):0000")]) == .user(1000))
  }

  @Test func socketsThatCannotHave() throws {
    let one6 = String(repeating: "0", count: 24) + "01000000"
    let any6 = String(repeating: "0", count: 32)
    #expect(try self.owner([self.line("0100007F:1F92")]) == .nobody)
    #expect(try self.owner([self.line("0200007F:1F91")]) == .nobody)
    #expect(try self.owner([self.line("0100007F:1F91", "0100007F:1F99")]) == .nobody)
    #expect(try self.owner([self.line("0100007F:1F91", "0200007F:1F90")]) == .nobody)
    #expect(try self.owner([], [self.line("\(one6):1F91", "\(any6):0000")]) == .nobody)
    #expect(try self.owner([]) == .nobody)
  }

  @Test func whoIsNotCertainIsNobody() throws {
    let mine = self.line("0100007F:1F91")
    #expect(try self.owner([mine, self.line("00000000:1F91", user: 1001)]) == .uncertain)
    #expect(try self.owner([self.line("00000000:1F91", user: 1001), mine]) == .uncertain)
    let any6 = String(repeating: "0", count: 32)
    #expect(try self.owner([mine], [self.line("\(any6):1F91", "\(any6):0000", user: 1001)]) == .uncertain)
    #expect(try self.owner([mine, self.line("00000000:1F91")]) == .user(1000))
    #expect(try self.owner([mine, self.line("00000000:1F91", inode: 0)]) == .uncertain)
    #expect(try self.owner([self.line("0100007F:1F91", user: 0, inode: 0)]) == .uncertain)
  }

  /// A table that cannot be read may have had another one's socket in it.
  @Test func withoutATableNothingIsCertain() throws {
    let mine = self.line("0100007F:1F91")
    #expect(try self.owner([mine], nil) == .uncertain)
    #expect(try self.owner(nil, [mine]) == .uncertain)
    #expect(throws: FileReadError.self) { try SocketTable.read(path: "/proc") }
    #expect(Array(try SocketTable.read(path: "/proc/net/no-such-table")).isEmpty)
  }
}
