import NIOCore
import NIOPosix
import SOCKSClient
import SOCKSCore
import Testing

struct ProxyConnectorTests {
  @Test(arguments: ProtectionLevel.allCases)
  func echoesAtEachLevel(level: ProtectionLevel) async throws {
    try await TestGateway.with(.echo()) { gateway in
      let connector = makeConnector(to: gateway.address, level: level)
      let proxied = try await connector.connect(to: anyTarget)
      #expect(proxied.protection?.level == level)
      #expect(proxied.boundAddress == TestGateway.bound)
      #expect(proxied.summary.contains("alice@GARTER.TEST to socks/gate.test@GARTER.TEST"))
      try await proxied.channel.close()
      let octets = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
      let answer = try await connector.withConnection(to: anyTarget) { input, output in
        try await exchange(input, output, sending: octets)
      }
      #expect(answer == octets)
    }
  }

  @Test func dataBehindTheReplyWaitsForTheFirstRead() async throws {
    let greeting = Array("220 ready\r\n".utf8)
    try await TestGateway.with(.greetAndEnd(greeting)) { gateway in
      let channel = try await makeConnector(to: gateway.address).connect(to: anyTarget).channel
      let received = channel.eventLoop.makePromise(of: [UInt8].self)
      // In a later turn of the loop: what came with the reply has been read from the network by then, or will be.
      try await channel.eventLoop.submit {
        try channel.pipeline.syncOperations.addHandler(CollectingHandler(received))
      }.get()
      channel.read()
      #expect(try await received.futureResult.get() == greeting)
    }
  }

  @Test func greetingAndEchoComeOnceAndInOrder() async throws {
    try await TestGateway.with(.echo(greeting: Array("hello ".utf8))) { gateway in
      let answer = try await makeConnector(to: gateway.address).withConnection(to: anyTarget) { input, output in
        try await exchange(input, output, sending: Array("world".utf8))
      }
      #expect(String(decoding: answer, as: UTF8.self) == "hello world")
    }
  }

  @Test func everythingArrivesAfterOurEndOfTheStream() async throws {
    // More than one turn's cipher work is still to be opened when the gateway's end comes.
    try await TestGateway.with(.echo(farewell: 600_000)) { gateway in
      let answer = try await makeConnector(to: gateway.address).withConnection(to: anyTarget) { input, output in
        try await exchange(input, output, sending: [0x21])
      }
      #expect(answer.count == 600_001)
    }
  }

  @Test func anEndInsideATokenIsAnErrorAfterOurEndToo() async throws {
    try await TestGateway.with(.endInsideToken) { gateway in
      await #expect(throws: SOCKSError(.truncated)) {
        try await makeConnector(to: gateway.address).withConnection(to: anyTarget) { input, output in
          try await exchange(input, output, sending: [0x21])
        }
      }
    }
  }

  @Test func anUnsealedMessageIsAnError() async throws {
    try await TestGateway.with(.answerUnsealed) { gateway in
      await #expect(throws: SOCKSError(.notEncrypted)) {
        try await makeConnector(to: gateway.address).withConnection(to: anyTarget) { input, output in
          try await exchange(input, output, sending: [0x21], endAfter: 1)
        }
      }
    }
  }

  @Test(arguments: (1...9).map { SOCKSReplyCode(rawValue: $0) })
  func refusalsKeepTheirCode(code: SOCKSReplyCode) async throws {
    try await TestGateway.with(.refuse(code)) { gateway in
      let error = await failure(of: makeConnector(to: gateway.address))
      #expect(error?.reason == .targetRefused)
      #expect(error?.replyCode == code)
      #expect(error?.localReplyCode == code)
      #expect(error?.target == anyTarget)
    }
  }

  @Test func aStrongerLevelIsTakenAWeakerOneIsNot() async throws {
    try await TestGateway.with(.echo(), levels: [.confidentiality]) { gateway in
      let proxied = try await makeConnector(to: gateway.address, level: .integrity).connect(to: anyTarget)
      #expect(proxied.protection?.level == .confidentiality)
      try await proxied.channel.close()
    }
    try await TestGateway.with(.echo(), levels: [.integrity]) { gateway in
      let error = await failure(of: makeConnector(to: gateway.address))
      #expect(error?.reason == .levelNotAcceptable)
      #expect("\(error.map(String.init(describing:)) ?? "")".contains("protection level confidentiality"))
    }
  }

  @Test func silenceEndsAtTheDeadline() async throws {
    try await TestGateway.with(.silence) { gateway in
      let error = await failure(of: makeConnector(to: gateway.address, timeout: .milliseconds(100)))
      #expect(error?.reason == .timedOut)
      #expect(error?.detail == "timed out waiting for the method selection")
      #expect(error?.localReplyCode == .hostUnreachable)
    }
  }

  @Test func aClosedPortIsNamed() async throws {
    let error = await failure(of: makeConnector(to: try await closedPort()))
    #expect(error?.reason == .gatewayRefusedConnection)
    #expect(error?.localReplyCode == .generalFailure)
  }

  @Test(arguments: [
    (SOCKSError.Code.noCredentials, ProxyConnectorError.Reason.noTicket), (.credentialsExpired, .ticketExpired),
    (.unknownService, .unknownService), (.kdcUnreachable, .kdcUnreachable), (.clockSkew, .clockSkew),
    (.contextFailed, .kerberosFailed), (.queueFull, .tooBusy), (.socketFailed, .localFailure),
  ])
  func failedStepsAreNamed(code: SOCKSError.Code, reason: ProxyConnectorError.Reason) async throws {
    try await TestGateway.with(.echo()) { gateway in
      let connector = makeConnector(to: gateway.address, failure: SOCKSError(code, "the library's words"))
      #expect(await failure(of: connector)?.reason == reason)
    }
  }

  /// A ticket that lists hundreds of groups (RFC 1961 section 3.4: "up to 2^16 - 1 octets").
  @Test func aTokenThatSOCKSCannotCarryIsNamed() async throws {
    try await TestGateway.with(.echo()) { gateway in
      let longest = makeConnector(to: gateway.address, firstToken: ByteBuffer(repeating: 0x5a, count: 65_535))
      #expect(await failure(of: longest) == nil)
      let longer = makeConnector(to: gateway.address, firstToken: ByteBuffer(repeating: 0x5a, count: 65_536))
      let error = try #require(await failure(of: longer))
      #expect(error.reason == .ticketTooLong)
      #expect(error.programStatus == .noPermission)
      for words in ["65536 bytes", "65535", "too many groups"] { #expect("\(error)".contains(words), "\(error)") }
    }
  }

  private func failure(of connector: ProxyConnector) async -> ProxyConnectorError? {
    do {
      try await connector.connect(to: anyTarget).channel.close()
      return nil
    } catch {
      return error as? ProxyConnectorError
    }
  }
}

/// Collects to the end of the stream.
private final class CollectingHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let promise: EventLoopPromise<[UInt8]>
  private var octets: [UInt8] = []

  init(_ promise: EventLoopPromise<[UInt8]>) { self.promise = promise }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.octets += self.unwrapInboundIn(data).readableBytesView
  }

  func channelReadComplete(context: ChannelHandlerContext) { context.read() }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .some(.inputClosed) = event as? ChannelEvent else { return }
    self.promise.succeed(self.octets)
    context.close(promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { self.promise.fail(error) }

  func channelInactive(context: ChannelHandlerContext) { self.promise.fail(ChannelError.eof) }
}
