import NIOCore
import NIOPosix
import SOCKSCore
import Testing

@testable import SOCKSClient

/// UDP ASSOCIATE by the connector.
struct AssociationTests {
  private static func withAssociation(
    _ trick: TestRelay.Trick = .none, level: ProtectionLevel = .confidentiality,
    _ body: (ProxiedAssociation) async throws -> Void
  ) async throws {
    try await TestGateway.with(.datagrams(trick)) { gateway in
      try await makeConnector(to: gateway.address, level: level).withAssociation(body)
    }
  }

  @Test(arguments: ProtectionLevel.allCases)
  func carriesDatagramsBothWays(level: ProtectionLevel) async throws {
    try await Self.withAssociation(level: level) { association in
      #expect(association.protection?.level == level)
      #expect(association.protection?.attributes.services.contains(.sequence) == false)
      var datagrams = association.datagrams.makeAsyncIterator()
      let targets = [
        anyTarget, SOCKSAddress(.v6(high: 0x2001_0db8_0000_0000, low: 1), port: 53),
        SOCKSAddress(host: try SOCKSHost("host.example"), port: 123),
      ]
      for (index, target) in targets.enumerated() {
        for length in [0, 1, 1_200, 60_000] {
          let data = ByteBuffer(repeating: UInt8(index), count: length)
          try await association.send(data, to: target)
          #expect(try await datagrams.next() == ProxiedDatagram(source: target, data: data))
        }
      }
      #expect(association.drops.total == 0)
    }
  }

  @Test(arguments: [
    (TestRelay.Trick.repeated, DatagramDrop.repeated), (.inClear, .unprotected), (.unsealed, .notConfidential),
    (.fragment, .fragment), (.otherSource, .foreignSource), (.tooLong, .wrongLength), (.tooShort, .wrongLength),
    (.altered, .notGenuine), (.withoutHeader, .malformedHeader),
  ])
  func whatIsNotInOrderIsDroppedAndCounted(trick: TestRelay.Trick, reason: DatagramDrop) async throws {
    try await Self.withAssociation(trick) { association in
      var datagrams = association.datagrams.makeAsyncIterator()
      for octet in UInt8(0)..<10 {
        let data = ByteBuffer(bytes: [octet])
        try await association.send(data, to: anyTarget)
        #expect(try await datagrams.next() == ProxiedDatagram(source: anyTarget, data: data))
      }
      // A repeated one comes behind the honest one.
      while association.drops.total < 10 { await Task.yield() }
      #expect(association.drops[reason] == 10)
      #expect(association.drops.total == 10, "\(association.drops)")
    }
  }

  @Test func allZerosMeanTheGatewayItself() async throws {
    try await Self.withAssociation(.unspecifiedAddress) { association in
      #expect(association.relayAddress.host.description == "127.0.0.1")
      var datagrams = association.datagrams.makeAsyncIterator()
      try await association.send(ByteBuffer(bytes: [1]), to: anyTarget)
      #expect(try await datagrams.next()?.data == ByteBuffer(bytes: [1]))
    }
  }

  @Test(arguments: [TestRelay.Trick.namedAddress, .noPort])
  func aRelayThatIsNoAddressIsRefused(trick: TestRelay.Trick) async throws {
    try await TestGateway.with(.datagrams(trick)) { gateway in
      await #expect {
        try await makeConnector(to: gateway.address).associate()
      } throws: { ($0 as? ProxyConnectorError)?.reason == .protocolViolated }
    }
  }

  @Test func theGatewaysRefusalKeepsItsCode() async throws {
    try await TestGateway.with(.refuse(.commandNotSupported)) { gateway in
      await #expect {
        try await makeConnector(to: gateway.address).associate()
      } throws: { error in
        let error = error as? ProxyConnectorError
        return error?.replyCode == .commandNotSupported
          && "\(error.map(String.init(describing:)) ?? "")"
            .contains("cannot relay datagrams: the gateway does not offer this command")
      }
    }
  }

  @Test func itEndsWithTheControlConnection() async throws {
    try await Self.withAssociation(.ends) { association in
      try await association.send(ByteBuffer(bytes: [1]), to: anyTarget)
      var datagrams = association.datagrams.makeAsyncIterator()
      #expect(try await datagrams.next() == nil)
      await #expect(throws: DatagramDrop.notSent) {
        try await association.send(ByteBuffer(bytes: [1]), to: anyTarget)
      }
    }
  }

  @Test func itEndsWhenItIsClosed() async throws {
    try await Self.withAssociation { association in
      association.close()
      var datagrams = association.datagrams.makeAsyncIterator()
      let next = try await datagrams.next()
      #expect(next == nil)
    }
  }

  /// "after the reply any further token on the control connection ends the association"
  @Test func aMessageOnTheControlConnectionEndsItAsAFault() async throws {
    try await Self.withAssociation(.talks) { association in
      try await association.send(ByteBuffer(bytes: [1]), to: anyTarget)
      await #expect(throws: SOCKSError(.unexpectedMessage)) {
        for try await _ in association.datagrams {}
      }
    }
    try await TestGateway.with(.datagrams(.talksAtOnce)) { gateway in
      // With the reply in one read it is never made; after it, it is ended.
      await #expect(throws: (any Error).self) {
        let association = try await makeConnector(to: gateway.address).associate()
        for try await _ in association.datagrams {}
      }
    }
  }

  @Test func whatIsTooLargeIsNotSent() async throws {
    try await Self.withAssociation { association in
      for length in [65_500, 65_507, 65_508, 100_000] {
        await #expect(throws: DatagramDrop.tooLarge) {
          try await association.send(ByteBuffer(repeating: 0, count: length), to: anyTarget)
        }
      }
      #expect(association.drops[.tooLarge] == 4)
    }
  }

  @Test func aReaderThatIsSlowLosesDatagramsNotMemory() async throws {
    try await TestGateway.with(.datagrams(.repeated)) { gateway in
      var configuration = makeConnector(to: gateway.address).configuration
      configuration.maximumBufferedDatagrams = 3
      let connector = ProxyConnector(configuration, group: MultiThreadedEventLoopGroup.singleton) { eventLoop, _ in
        PlainEstablishment(on: eventLoop, ordered: false)
      }
      try await connector.withAssociation { association in
        for octet in UInt8(0)..<10 {
          try await association.send(ByteBuffer(bytes: [octet]), to: anyTarget)
          // The answer has come when its repetition has.
          while association.drops[.repeated] <= UInt64(octet) { await Task.yield() }
        }
        #expect(association.drops[.queueFull] == 7)
        var datagrams = association.datagrams.makeAsyncIterator()
        for octet in UInt8(0)..<3 { #expect(try await datagrams.next()?.data == ByteBuffer(bytes: [octet])) }
      }
    }
  }
}
