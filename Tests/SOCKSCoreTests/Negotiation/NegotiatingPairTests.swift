import NIOCore
import SOCKSCore
import Testing

/// The two machines wired to each other, with the fake mechanism between them.
@Suite struct NegotiatingPairTests {
  struct Pair {
    var client: ClientDriver
    var server: ServerDriver
    /// Everything that each end has sent.
    var fromClient: [UInt8] = []
    var fromServer: [UInt8] = []

    init(
      asked: ProtectionLevel, allowed: Set<ProtectionLevel>, context: FakeContext = FakeContext(),
      clientRounds: Int = 5, serverRounds: Int = 5, request: SOCKSRequest = .connect
    ) {
      self.server = ServerDriver(
        .init(
          methods: [.gssapi(.serving(levels: allowed, maximumRounds: serverRounds))], commands: [.connect, .bind]),
        context: context)
      self.client = ClientDriver(
        .init(
          authentication: .gssapi(.init(level: asked, maximumRounds: clientRounds)), request: request),
        context: context)
    }

    /// Carries octets both ways until nothing moves; `chunk` octets at a time.
    mutating func run(chunk: Int = .max) {
      self.client.connect()
      self.exchange(chunk: chunk)
    }

    mutating func exchange(chunk: Int = .max) {
      while true {
        let up = self.client.takeSent()
        for part in up.chunks(of: chunk) { self.server.receive(part) }
        let down = self.server.takeSent()
        for part in down.chunks(of: chunk) { self.client.receive(part) }
        self.fromClient += up
        self.fromServer += down
        if up.isEmpty, down.isEmpty { return }
      }
    }
  }

  @Test(arguments: LevelAnswerTests.answers)
  func bothEndsAgreeOnTheLevel(asked: UInt8, allowed: Set<UInt8>, answer: UInt8) throws {
    let level = try #require(ProtectionLevel(rawValue: asked))
    let levels = Set(allowed.compactMap(ProtectionLevel.init(rawValue:)))
    for chunk in [1, 2, 3, .max] {
      var pair = Pair(asked: level, allowed: levels)
      pair.run(chunk: chunk)
      if answer == 0 {
        #expect(pair.server.outputs.suffix(2) == [.clear([0x01, 0xff]), .closed(.levelNotAcceptable)])
        #expect(pair.client.outputs.last == .closed(.levelNotAcceptable))
        #expect(pair.client.agreed == nil && pair.server.agreed == nil)
      } else {
        #expect(pair.client.agreed?.level.rawValue == answer)
        #expect(pair.server.agreed?.level.rawValue == answer)
        #expect(pair.server.outputs.contains(.served(.connect)))
        #expect(pair.client.hasSucceeded)
      }
    }
  }

  @Test(arguments: ProtectionLevel.allCases)
  func withoutConfidentialityOnlyLevel1ComesAbout(asked: ProtectionLevel) {
    let context = FakeContext(attributes: .withoutConfidentiality)
    var pair = Pair(asked: asked, allowed: Set(ProtectionLevel.allCases), context: context)
    pair.run()
    if asked == .integrity {
      #expect(pair.client.hasSucceeded && pair.server.agreed?.level == .integrity)
    } else {
      // The client sees first that it was not granted what it asked for, and sends no level.
      #expect(pair.client.outputs.last == .closed(.contextTooWeak))
      #expect(pair.server.agreed == nil)
    }
  }

  @Test(arguments: [1, 2, 3, 5] as [UInt8], [true, false])
  func contextsOfSeveralRoundsComeAbout(rounds: UInt8, serverHasLastToken: Bool) {
    for chunk in [1, .max] {
      var pair = Pair(
        asked: .confidentiality, allowed: [.confidentiality],
        context: FakeContext(rounds: rounds, serverHasLastToken: serverHasLastToken), clientRounds: Int(rounds),
        serverRounds: Int(rounds))
      pair.run(chunk: chunk)
      #expect(pair.client.hasSucceeded)
      #expect(!pair.client.isClosed && !pair.server.isClosed)
    }
  }

  @Test(arguments: [2, 3, 6] as [UInt8])
  func oneRoundTooManyEndsInAnAbort(rounds: UInt8) {
    var pair = Pair(
      asked: .confidentiality, allowed: [.confidentiality], context: FakeContext(rounds: rounds),
      clientRounds: 100, serverRounds: Int(rounds) - 1)
    pair.run()
    #expect(pair.server.outputs.suffix(2) == [.clear([0x01, 0xff]), .closed(.tooManyRounds)])
    #expect(pair.client.outputs.last == .closed(.abortReceived))
  }

  /// What one end has sent, given to the other in one piece, or cut at any place: the same is done.
  @Test(arguments: ProtectionLevel.allCases)
  func segmentationChangesNothing(level: ProtectionLevel) {
    var pair = Pair(asked: level, allowed: [level])
    pair.run()
    pair.client.write(Array("early data".utf8))
    pair.exchange()
    let outputs = pair.server.outputs
    #expect(outputs.last == .data(Array("early data".utf8)))

    for cut in 0...pair.fromClient.count {
      var server = Pair(asked: level, allowed: [level]).server
      server.receive(Array(pair.fromClient.prefix(cut)))
      server.receive(Array(pair.fromClient.dropFirst(cut)))
      if server.outputs != outputs { Issue.record("cut after \(cut): \(server.outputs)") }
      let sent = server.takeSent()
      if sent != pair.fromServer { Issue.record("cut after \(cut): other octets") }
    }
    for cut in 0...pair.fromServer.count {
      var client = Pair(asked: level, allowed: [level]).client
      client.connect()
      client.receive(Array(pair.fromServer.prefix(cut)))
      client.receive(Array(pair.fromServer.dropFirst(cut)))
      if !client.hasSucceeded || client.isClosed { Issue.record("cut after \(cut)") }
    }
  }

  /// The octets of a whole session, from the RFC's figures and the fake mechanism's tokens.
  @Test func theOctetsOfASessionAreThoseOfTheRFC() {
    var pair = Pair(asked: .confidentiality, allowed: [.confidentiality])
    pair.run()
    let clientLevel = FakeToken.wrap([0x02], from: .client, number: 3_000, isSealed: false).octets
    let serverLevel = FakeToken.wrap([0x02], from: .server, number: 7_000, isSealed: false).octets
    #expect(
      pair.fromClient == [0x05, 0x01, 0x01] + [0x01, 0x01, 0x00, 0x02, 0x43, 0x01]
        + [0x01, 0x02, 0x00, 0x0c] + clientLevel
        + FakeToken.encapsulation(SOCKSRequest.connectOctets, from: .client, number: 3_001, isSealed: true))
    #expect(
      pair.fromServer == [0x05, 0x01] + [0x01, 0x01, 0x00, 0x02, 0x53, 0x01] + [0x01, 0x02, 0x00, 0x0c] + serverLevel
        + FakeToken.encapsulation(SOCKSReply.successOctets, from: .server, number: 7_001, isSealed: true))
  }

  /// A request that comes in several messages, one octet in each, and empty ones between.
  @Test func aRequestMayBeSplitOverMessages() {
    var pair = Pair(asked: .confidentiality, allowed: [.confidentiality])
    pair.run()
    var octets = Array(pair.fromClient.prefix(3 + 6 + 16))
    var number: UInt64 = 3_001
    for octet in SOCKSRequest.connectOctets {
      for plaintext in [[octet], []] {
        octets += FakeToken.encapsulation(plaintext, from: .client, number: number, isSealed: true)
        number += 1
      }
    }
    octets += FakeToken.encapsulation([0x68, 0x69], from: .client, number: number, isSealed: true)
    for chunk in [1, 7, .max] {
      var server = Pair(asked: .confidentiality, allowed: [.confidentiality]).server
      for part in octets.chunks(of: chunk) { server.receive(part) }
      #expect(
        server.outputs.suffix(3) == [
          .served(.connect), .protected(SOCKSReply.successOctets), .data([0x68, 0x69]),
        ])
    }
  }

  /// The second reply comes when it comes, and the peer's data behind it, all protected: cut at any place.
  @Test(arguments: ProtectionLevel.allCases, [1, 5, .max])
  func aBindHasTwoReplies(level: ProtectionLevel, chunk: Int) {
    var pair = Pair(asked: level, allowed: [level], request: .bind)
    pair.run(chunk: chunk)
    #expect(pair.server.outputs.contains(.served(.bind)))
    #expect(pair.client.outputs.last == .announced)
    #expect(!pair.client.hasSucceeded)
    #expect(pair.client.machine.awaited == "the incoming connection")
    pair.server.write(SOCKSReply.successOctets)
    pair.server.write(Array("220 ready".utf8))
    pair.exchange(chunk: chunk)
    let data = pair.client.outputs.drop { $0 != .succeeded }.dropFirst().flatMap { output -> [UInt8] in
      if case .data(let octets) = output { octets } else { [] }
    }
    #expect(pair.client.hasSucceeded && !pair.client.isClosed)
    #expect(data == Array("220 ready".utf8))
  }

  @Test func theSecondReplyMayBeARefusal() {
    var pair = Pair(asked: .confidentiality, allowed: [.confidentiality], request: .bind)
    pair.run()
    pair.server.write([0x05, 0x04, 0x00, 0x01, 0, 0, 0, 0, 0, 0])
    pair.exchange()
    #expect(pair.client.outputs.last == .closed(.requestRefused))
  }

  @Test(arguments: [true, false], [1, 5, .max])
  func aPasswordOpensOrCloses(isCorrect: Bool, chunk: Int) throws {
    let request = try UsernamePasswordRequest(
      username: Array("alice".utf8), password: Array((isCorrect ? "secret" : "wrong").utf8))
    var server = ServerDriver(.init(methods: [.usernamePassword]))
    var client = ClientDriver(.init(authentication: .usernamePassword(request), request: .connect))
    client.connect()
    for _ in 0..<4 {
      for part in client.takeSent().chunks(of: chunk) { server.receive(part) }
      for part in server.takeSent().chunks(of: chunk) { client.receive(part) }
    }
    #expect(client.hasSucceeded == isCorrect)
    #expect(server.outputs.contains(.served(.connect)) == isCorrect)
    if !isCorrect {
      #expect(server.outputs.suffix(2) == [.clear([0x01, 0x01]), .closed(.passwordRefused)])
      #expect(client.outputs.last == .closed(.passwordRefused))
    }
  }
}

extension [UInt8] {
  /// Parts of at most so many octets.
  func chunks(of count: Int) -> [[UInt8]] {
    guard self.count > count else { return self.isEmpty ? [] : [self] }
    return stride(from: 0, to: self.count, by: count).map { Array(self[$0..<Swift.min($0 + count, self.count)]) }
  }
}
