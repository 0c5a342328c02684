import Testing

@testable import Platform

@Suite struct SocketOwnerTests {
  enum Family: CaseIterable { case v4, v6, mapped }

  @Test(arguments: Family.allCases)
  func aLoopbackPeerHasItsUser(family: Family) throws {
    let connection = try LoopbackConnection(family)
    #expect(SocketOwner.userID(local: connection.local, remote: connection.remote) == currentUserID())
    #expect(SocketDiagnosis.find(local: connection.remote, remote: connection.local) == .owner(currentUserID()))
    #expect(ConnectionTable.owner(local: connection.remote, remote: connection.local) == currentUserID())
  }

  /// The test's own user is often root, as whom a missing socket shows. So another user's socket has to be told apart;
  /// only root can make one.
  @Test(arguments: Family.allCases)
  func anotherUsersSocketIsThatUsers(family: Family) throws {
    let owner = currentUserID() == 0 ? 54_321 : currentUserID()
    let connection = try LoopbackConnection(family, owner: owner)
    #expect(SocketOwner.userID(local: connection.local, remote: connection.remote) == owner)
    #expect(ConnectionTable.owner(local: connection.remote, remote: connection.local) == owner)
  }

  @Test(arguments: Family.allCases)
  func aClosedPeerHasNone(family: Family) throws {
    let connection = try LoopbackConnection(family)
    connection.closePeer()
    #expect(SocketOwner.userID(local: connection.local, remote: connection.remote) == nil)
    #expect(ConnectionTable.owner(local: connection.remote, remote: connection.local) == nil)
  }

  /// Both ends closed: the kernel keeps the pair for a while, without an owner, and shows it as root's.
  @Test(arguments: Family.allCases)
  func aPairThatOnlyTheKernelKeepsHasNone(family: Family) throws {
    let connection = try LoopbackConnection(family)
    connection.closePeer()
    connection.closeOurs()
    #expect(SocketOwner.userID(local: connection.local, remote: connection.remote) == nil)
    #expect(ConnectionTable.owner(local: connection.remote, remote: connection.local) == nil)
  }

  /// A listener on the port that is asked for is not the peer of a connection.
  @Test(arguments: Family.allCases)
  func aListenerIsNotAPeer(family: Family) throws {
    let connection = try LoopbackConnection(family)
    let elsewhere = try #require(SocketEndpoint(octets: connection.remote.octets, port: 1))
    #expect(SocketOwner.userID(local: elsewhere, remote: connection.local) == nil)
    #expect(ConnectionTable.owner(local: connection.local, remote: elsewhere) == nil)
  }

  @Test func anAddressElsewhereHasNone() throws {
    let local = try #require(SocketEndpoint(octets: [192, 0, 2, 1], port: 1080))
    let remote = try #require(SocketEndpoint(octets: [192, 0, 2, 2], port: 40_000))
    #expect(SocketOwner.userID(local: local, remote: remote) == nil)
    let v6 = try #require(SocketEndpoint(octets: [UInt8](repeating: 1, count: 16), port: 40_000))
    #expect(SocketOwner.userID(local: local, remote: v6) == nil)
    #expect(SocketOwner.userID(local: v6, remote: v6) == nil)
  }

  @Test func endpointsAreWellFormed() {
    #expect(SocketEndpoint(octets: [1, 2, 3], port: 1) == nil)
    let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127, 0, 0, 1]
    #expect(SocketEndpoint(octets: mapped, port: 1) == SocketEndpoint(octets: [127, 0, 0, 1], port: 1))
  }

  @Test(arguments: [0, 4, 16, 20, 60, 87])
  func shortAnswersAreNoAnswer(count: Int) throws {
    let end = try #require(SocketEndpoint(octets: [127, 0, 0, 1], port: 1))
    for octet: UInt8 in [0, 2, 20, 255] {
      let answer = [UInt8](repeating: octet, count: count)
      #expect(SocketDiagnosis.read(answer: answer, local: end, remote: end) == .unavailable)
    }
  }

  @Test func brokenTablesHaveNoOwners() throws {
    let local = try #require(SocketEndpoint(octets: [127, 0, 0, 1], port: 0x1F90))
    let remote = try #require(SocketEndpoint(octets: [127, 0, 0, 1], port: 0x1F91))
    let line = "0: 0100007F:1F90 0100007F:1F91 01 0:0 0:0 0 1000 0 77 1"
    func owner(_ line: String) -> UserID? {
      ConnectionTable.owner(in: SocketTable(Array("header\n\(line)\n".utf8)), local: local, remote: remote)
    }
    #expect(owner(line) == 1000)
    #expect(owner(line.replacing("77", with: "0")) == nil)
    #expect(owner(line.replacing("1000", with: "99999999999")) == nil)
    #expect(owner(line.replacing("1000", with: "-1")) == nil)
    #expect(owner(line.replacing("0100007F", with: "0100007G")) == nil)
    #expect(owner(line.replacing(":1F90", with: "")) == nil)
    #expect(owner("") == nil)
  }
}
