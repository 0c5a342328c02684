import Logging
import SOCKSCore
import Testing

@testable import ProxySession

/// Every cause, and what follows from it.
@Suite struct SessionEndTests {
  typealias Cause = SessionEnd.Cause

  /// One of each, with every value of the small enums inside.
  static let causes: [Cause] =
    [
      .completed, .evicted, .draining, .stopped, .ticketExpired, .malformedName, .connectionClosed, .ioError, .bug,
      .refusedUpstream(.connectionRefused),
    ]
    + SessionEnd.Refusal.Code.allCases.map { .refused(.init(rule: "rule 1", code: $0, text: "no")) }
    + SessionEnd.Limit.allCases.map(Cause.limit) + SessionEnd.Timeout.allCases.map(Cause.timeout)
    + SessionEnd.Timeout.allCases.map(Cause.stepTimeout) + SessionEnd.ConnectFailure.allCases.map(Cause.connectFailed)
    + SessionEnd.AuthenticationFailure.allCases.map(Cause.authenticationFailed)
    + SessionEnd.Trouble.allCases.map(Cause.trouble) + ForeignProtocol.allCases.map(Cause.foreignProtocol)
    + SOCKSError.Code.Base.allCases.map { .violation(.init(base: $0), by: .client) }

  private static let evidence = [SOCKSMethod.gssapi, .usernamePassword, .noAuthentication].flatMap { method in
    [true, false].flatMap { sent in
      [[], [CompatibilitySwitch.unprotected]].map {
        SessionEnd.Evidence(
          method: method, hasAlternatives: true, hasSentCredential: sent, compatibility: Set($0))
      }
    }
  }

  /// What the gateway does for its own reasons costs no penalty, and gets no hint about the client.
  @Test(arguments: causes) func theGatewaysOwnReasonsSayNothingOfTheClient(cause: Cause) {
    for phase in SessionPhase.allCases {
      let end = SessionEnd(cause, in: phase)
      guard end.fault == .gateway || end.party == .target || end.party == .network else { continue }
      if case .ioError = cause { continue }
      #expect(end.penalty == nil, "\(end)")
      for evidence in Self.evidence { #expect(end.hint(evidence) == nil, "\(end)") }
    }
  }

  @Test(arguments: causes) func recordsAreStableWords(cause: Cause) {
    let end = SessionEnd(cause, in: .serving, "a detail")
    let fields = end.fields()
    for key in ["reason", "closed_by"] {
      let word = fields[key].map { "\($0)" } ?? ""
      #expect(!word.isEmpty && word.allSatisfy { $0.isLowercase || $0 == "-" || $0.isNumber }, "\(key)=\(word)")
    }
    #expect((fields["fault"] == nil) == (cause == .completed))
    #expect((fields["phase"] == nil) == (cause == .completed))
    #expect((end.logLevel == .error) == (cause == .bug))
    // To the bridge the far side is the gateway.
    #expect(end.fields(of: .bridge)["closed_by"] != "target")
  }

  @Test(
    arguments: [
      (.refused(.init(code: .denied, text: "")), 0x02), (.refused(.init(code: .noRule, text: "")), 0x02),
      (.limit(.sessionsPerPrincipal), 0x02), (.limit(.lookupQueue), 0x01), (.limit(.descriptors), 0x01),
      (.limit(.ports), 0x01), (.timeout(.resolve), 0x04), (.timeout(.connect), 0x04), (.timeout(.bind), 0x04),
      (.connectFailed(.refused), 0x05), (.connectFailed(.hostUnreachable), 0x04),
      (.connectFailed(.networkUnreachable), 0x03), (.connectFailed(.noSuchName), 0x04),
      (.connectFailed(.resolver), 0x04), (.connectFailed(.other), 0x01), (.malformedName, 0x04), (.draining, 0x01),
      (.trouble(.socket), 0x01), (.bug, 0x01), (.violation(.unsupportedCommand, by: .client), 0x07),
      (.violation(.unsupportedAddressType, by: .client), 0x08), (.refusedUpstream(.ttlExpired), 0x06),
      (.refusedUpstream(.succeeded), 0x01), (.completed, 0x00),
    ] as [(Cause, UInt8)])
  func everyEndHasAReply(cause: Cause, code: UInt8) {
    #expect(SessionEnd(cause).replyCode.rawValue == code)
  }

  @Test(
    arguments: [
      (.authenticationFailed(.password), .password), (.authenticationFailed(.context), .authentication),
      (.authenticationFailed(.contextTooWeak), .authentication), (.timeout(.method), .timeout),
      (.timeout(.authentication), .timeout), (.stepTimeout(.authentication), nil), (.connectionClosed, .abandoned),
      (.violation(.wrongVersion, by: .client), .violation), (.violation(.noAcceptableMethod, by: .client), .abandoned),
      (.violation(.truncated, by: .client), .abandoned), (.violation(.wrongVersion, by: .target), nil),
      (.evicted, nil), (.draining, nil), (.limit(.passwordQueue), nil), (.limit(.authenticationQueue), nil),
      (.limit(.memory), nil), (.trouble(.keytab), nil), (.trouble(.replayCache), nil), (.bug, nil),
    ] as [(Cause, FailureKind?)])
  func whatAClientHasDoneWrong(cause: Cause, penalty: FailureKind?) {
    #expect(SessionEnd(cause, in: .authentication).penalty == penalty)
  }

  @Test func whoClosedIsNotTheClientWhenItWasAnotherParty() {
    for party in SessionParty.allCases {
      let end = SessionEnd(.connectionClosed, by: party, in: .authentication)
      #expect((end.penalty == .abandoned) == (party == .client))
      let evidence = SessionEnd.Evidence(
        method: .gssapi, hasAlternatives: true, hasSentCredential: false, compatibility: [])
      #expect((end.hint(evidence) != nil) == (party == .client))
    }
  }

  /// A user without a ticket leaves, or keeps silent, after the method was selected.
  @Test func nothingIsChargedBeforeACredential() {
    for end in [
      SessionEnd(.connectionClosed, by: .client), SessionEnd(.timeout(.authentication)), SessionEnd(.ioError),
    ] {
      let end = end.during(.authentication)
      #expect(end.penalty(hasSentCredential: false) == nil)
      #expect(end.penalty(hasSentCredential: true) == end.penalty && end.penalty != nil)
    }
    let malformed = SessionEnd(.violation(.malformedMessage, by: .client), in: .authentication)
    #expect(malformed.penalty(hasSentCredential: false) == .violation)
  }

  /// Lines that wait for their second together are of one kind: a scanner's must not stand for a balancer's.
  @Test func protocolsAreKindsOfTheirOwn() {
    let ends = ForeignProtocol.allCases.map { SessionEnd(.foreignProtocol($0), by: .client, in: .method) }
    #expect(Set(ends.map(\.kind)).count == ends.count)
    #expect(SessionEnd(.completed).kind == SessionEnd(.completed, "other").kind)
  }

  /// curl closes in the authentication phase after it has chosen GSS-API, and has sent nothing by then.
  @Test func hintsNameAProgramOnlyWhereItIsThatProgram() {
    let curl = SessionEnd.Evidence(method: .gssapi, hasAlternatives: true, hasSentCredential: false, compatibility: [])
    for phase in SessionPhase.allCases {
      let hint = SessionEnd(.connectionClosed, by: .client, in: phase).hint(curl)
      #expect((hint != nil) == (phase == .authentication))
    }
    var other = curl
    other.hasSentCredential = true
    #expect(SessionEnd(.connectionClosed, by: .client, in: .authentication).hint(other) == nil)
    other = curl
    other.hasAlternatives = false
    #expect(SessionEnd(.connectionClosed, by: .client, in: .authentication).hint(other) == nil)
    other = curl
    other.method = .usernamePassword
    #expect(SessionEnd(.connectionClosed, by: .client, in: .authentication).hint(other) == nil)
    #expect(SessionEnd(.violation(.levelZero, by: .client)).hint(curl)?.contains("7.68") == true)
    #expect(SessionEnd(.violation(.invalidLevel, by: .client)).hint(curl) == nil)
    #expect(SessionEnd(.violation(.levelZero, by: .target)).hint(curl) == nil)
  }

  /// Every error of the layers below is somebody's, and what is this machine's never becomes the peer's.
  @Test(arguments: SOCKSError.Code.Base.allCases) func everyErrorIsAnEnd(base: SOCKSError.Code.Base) {
    let error = SOCKSError(.init(base: base), "text")
    for phase in SessionPhase.allCases {
      let end = SessionEnd(error, from: .client, in: phase)
      #expect(end.detail == "text" && end.phase == phase)
      switch error.fault {
      case .local, .bug, .localMisuse: #expect(end.fault == .gateway && end.penalty == nil, "\(end)")
      case .peerViolation: #expect(end.fault == .client, "\(end)")
      case .peerIncompatible, .refusedByPolicy, .securityLibrary, .network: #expect(end.fault != .gateway, "\(end)")
      }
    }
  }

  @Test func theFirstEndCounts() {
    var outcome = SessionOutcome()
    let (first, second) = (outcome.set(SessionEnd(.evicted)), outcome.set(SessionEnd(.connectionClosed)))
    #expect(first && !second)
    #expect(outcome.end?.cause == .evicted)
  }
}
