import NIOCore
import SOCKSCore
import Testing

/// The switches `unprotected` and `nec`, value by value and octet by octet.
@Suite struct CompatibilityTests {
  typealias Machine = GSSAcceptorSubnegotiation

  static let everySwitch = Set(CompatibilitySwitch.allCases)

  /// A machine that awaits the level message.
  static func acceptor(
    _ switches: Set<CompatibilitySwitch>, levels: Set<ProtectionLevel> = Set(ProtectionLevel.allCases),
    attributes: SecurityContextAttributes = .strong
  ) -> Machine {
    var machine = Machine(configuration: .serving(levels: levels, compatibility: switches))
    _ = machine.receivedMessage(.authentication(token: ByteBuffer(0x60)))
    _ = machine.stepFinished(.complete(attributes, token: nil))
    return machine
  }

  // MARK: unprotected

  /// Whatever was asked, allowed here or not.
  @Test(arguments: LevelAnswerTests.sets)
  func theAnswerIs0WhateverWasAsked(levels: Set<ProtectionLevel>) {
    for asked in UInt8.min...UInt8.max {
      var machine = Self.acceptor([.unprotected], levels: levels)
      _ = machine.receivedMessage(.protectionLevel(token: ByteBuffer(0x60)))
      let action = machine.protectionLevelUnwrapped(.unwrapped([asked], .good(1)))
      guard asked <= 3 else {
        #expect(action == .abort(SOCKSError(.invalidLevel)), "asked \(asked)")
        continue
      }
      #expect(action == .wrapProtectionLevel(0), "asked \(asked)")
      let token = ByteBuffer(0x60, 0x61)
      #expect(
        machine.protectionLevelWrapped(.wrapped(token: token))
          == .leaveUnprotected(
            UnprotectedSession(attributes: .strong, compatibility: [.unprotected]),
            answer: .protectionLevel(token: token)))
      #expect(machine.hasContext && !machine.isStepping)
    }
  }

  /// The level message must be a good one all the same.
  @Test(arguments: [.duplicate, .old, .unsequenced, .gap, .other] as [UnwrapOutcome.Status])
  func aDoubtfulLevelTokenIsRefused(status: UnwrapOutcome.Status) {
    var machine = Self.acceptor([.unprotected])
    _ = machine.receivedMessage(.protectionLevel(token: ByteBuffer(0x60)))
    guard case .abort = machine.protectionLevelUnwrapped(.unwrapped([0x02], .good(1, status: status))) else {
      Issue.record("the server took it")
      return
    }
  }

  @Test func aRequestInClearNeedsTheSwitchAndTheContext() {
    for octet in [0x05, 0x04, 0x00, 0x06] as [UInt8] {
      for switches in [[], [.nec], [.unprotected], Self.everySwitch] as [Set<CompatibilitySwitch>] {
        for isEstablished in [false, true] {
          var machine = ServerNegotiation(
            configuration: .init(methods: [.gssapi(.serving(compatibility: switches))]))
          var buffer = ByteBuffer(0x05, 0x01, 0x01)
          _ = machine.receivedOctets(&buffer)
          if isEstablished {
            buffer = ByteBuffer(0x01, 0x01, 0x00, 0x01, 0x60)
            _ = machine.receivedOctets(&buffer)
            _ = machine.stepFinished(.complete(.strong, token: nil))
          }
          buffer = ByteBuffer(bytes: [octet] + SOCKSRequest.connectOctets.dropFirst())
          let action = machine.receivedOctets(&buffer)
          if octet == 0x05, isEstablished, switches.contains(.unprotected) {
            let session = UnprotectedSession(attributes: .strong, compatibility: [.unprotected])
            #expect(action == .leaveUnprotected(session, answer: nil))
            #expect(machine.phase == .request && buffer.readableBytes == SOCKSRequest.connectOctets.count)
            #expect(machine.receivedOctets(&buffer) == .serve(.connect))
          } else {
            guard case .refuse(let answer, _) = action else {
              Issue.record("\(octet) \(switches): \(action)")
              continue
            }
            #expect(answer == ByteBuffer(0x01, 0xff))
          }
        }
      }
    }
  }

  /// A cut-off request keeps the machine waiting, and the request's deadline runs.
  @Test func everyTruncationOfARequestInClearWaits() {
    for length in 1..<SOCKSRequest.connectOctets.count {
      var driver = ServerDriver(.init(methods: [.gssapi(.serving(compatibility: [.unprotected]))]))
      driver.receive([0x05, 0x01, 0x01] + [0x01, 0x01, 0x00, 0x02, 0x43, 0x01])
      _ = driver.takeOutputs()
      driver.receive(Array(SOCKSRequest.connectOctets[..<length]))
      #expect(driver.takeOutputs().isEmpty && driver.machine.phase == .request)
      driver.receive(Array(SOCKSRequest.connectOctets[length...]))
      #expect(driver.takeOutputs() == [.served(.connect), .clear(SOCKSReply.successOctets)])
    }
  }

  /// Programs that are served so do not all ask for INTEG; they must all prove both ends, with AES.
  @Test func unprotectedRequirementsLeaveOutIntegrityAndNothingElse() {
    let normal = ContextRequirements.acceptor(servedNames: ["socks"])
    let unprotected = ContextRequirements.acceptor(servedNames: ["socks"], protectsMessages: false)
    #expect(normal.violation(of: .granting([.mutual, .replay])) == SOCKSError(.contextTooWeak))
    #expect(unprotected.violation(of: .granting([.mutual, .replay])) == nil)
    for services in [[.mutual, .integrity], [.replay, .integrity]] as [SecurityContextAttributes.Services] {
      #expect(unprotected.violation(of: .granting(services)) == SOCKSError(.contextTooWeak))
    }
    var weak = SecurityContextAttributes.strong
    weak.encryptionType = 23
    #expect(unprotected.violation(of: weak) == SOCKSError(.contextTooWeak))
  }

  // MARK: nec

  /// The octet in clear is judged as a wrapped one is: level by level, against what is allowed and what the context can do.
  @Test(arguments: LevelAnswerTests.answers)
  func aLevelInClearIsAnsweredInClear(asked: UInt8, allowed: Set<UInt8>, answer: UInt8) throws {
    let levels = Set(allowed.compactMap(ProtectionLevel.init(rawValue:)))
    var machine = Self.acceptor([.nec], levels: levels)
    let action = machine.receivedMessage(.protectionLevel(token: ByteBuffer(asked)))
    guard let level = ProtectionLevel(rawValue: answer) else {
      #expect(action == .abort(SOCKSError(.levelNotAcceptable)))
      return
    }
    let agreed = AgreedProtection(
      level: level, attributes: .strong, incoming: IncomingMessageCheck().at(level), compatibility: [.nec])
    #expect(action == .protect(agreed, answer: .protectionLevel(token: ByteBuffer(answer))))
  }

  @Test(arguments: LevelAnswerTests.answers)
  func aLevelInClearNeedsTheContextsConfidentiality(asked: UInt8, allowed: Set<UInt8>, answer: UInt8) {
    let levels = Set(allowed.compactMap(ProtectionLevel.init(rawValue:)))
    var machine = Self.acceptor([.nec], levels: levels, attributes: .withoutConfidentiality)
    let action = machine.receivedMessage(.protectionLevel(token: ByteBuffer(asked)))
    if asked == 1, allowed.contains(1) {
      guard case .protect(let agreed, _) = action, agreed.level == .integrity else {
        Issue.record("\(action)")
        return
      }
    } else {
      #expect(action == .abort(SOCKSError(.levelNotAcceptable)))
    }
  }

  @Test func everyOtherValueInClearIsRefused() {
    for value in UInt8.min...UInt8.max where !(1...3).contains(value) {
      var machine = Self.acceptor([.nec])
      #expect(
        machine.receivedMessage(.protectionLevel(token: ByteBuffer(value)))
          == .abort(SOCKSError(value == 0 ? .levelZero : .invalidLevel)),
        "value \(value)")
    }
  }

  /// Without the switch a bare level is refused by name; any other byte goes to the library, as every token does.
  @Test(arguments: [[], [.unprotected]] as [Set<CompatibilitySwitch>])
  func aLevelInClearNeedsTheSwitch(switches: Set<CompatibilitySwitch>) {
    for value in UInt8.min...UInt8.max {
      var machine = Self.acceptor(switches)
      let token = ByteBuffer(value)
      #expect(
        machine.receivedMessage(.protectionLevel(token: token))
          == (value <= 3 ? .abort(SOCKSError(.levelNotWrapped)) : .unwrapProtectionLevel(token: token)))
    }
  }

  /// Only one octet is a level in clear; a wrapped level is taken as well.
  @Test func otherLengthsAreTokens() {
    for length in [0, 2, 3, 29, 65_535] {
      var machine = Self.acceptor([.nec])
      let token = ByteBuffer(bytes: [UInt8](repeating: 0x02, count: length))
      #expect(machine.receivedMessage(.protectionLevel(token: token)) == .unwrapProtectionLevel(token: token))
    }
  }

  @Test func bothSwitchesAnswer0InClear() {
    for asked in UInt8.min...3 {
      var machine = Self.acceptor(Self.everySwitch)
      #expect(
        machine.receivedMessage(.protectionLevel(token: ByteBuffer(asked)))
          == .leaveUnprotected(
            UnprotectedSession(attributes: .strong, compatibility: Self.everySwitch),
            answer: .protectionLevel(token: ByteBuffer(0x00))))
    }
  }

  /// Octet by octet: a clear level is taken when its last octet is there, and not before.
  @Test func everyTruncationOfALevelInClearWaits() {
    let message: [UInt8] = [0x01, 0x02, 0x00, 0x01, 0x02]
    for length in 0..<message.count {
      var driver = ServerDriver(.init(methods: [.gssapi(.serving(compatibility: [.nec]))]))
      driver.receive([0x05, 0x01, 0x01] + [0x01, 0x01, 0x00, 0x02, 0x43, 0x01])
      _ = driver.takeOutputs()
      driver.receive(Array(message[..<length]))
      #expect(driver.takeOutputs().isEmpty && !driver.isClosed)
      driver.receive(Array(message[length...]))
      #expect(driver.takeOutputs() == [.clear(message)])
      #expect(driver.agreed?.level == .confidentiality && driver.agreed?.compatibility == [.nec])
    }
  }
}
