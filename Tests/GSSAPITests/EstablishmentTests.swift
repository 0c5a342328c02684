import GSSAPI
import Testing
import ThrowawayRealm

@Suite struct EstablishmentTests {
  @Test func kerberosTellsWhatWasAgreed() async throws {
    let fixture = try await KerberosFixture.ready()
    var pair = try fixture.established()
    let realm = fixture.realm.name
    #expect(pair.initiator.isInitiator && !pair.acceptor.isInitiator)
    #expect(pair.acceptor.initiatorName == "gss-alice@\(realm)")
    #expect(pair.initiator.initiatorName == "gss-alice@\(realm)")
    #expect(pair.acceptor.acceptorName == "socks/gate.test@\(realm)")
    #expect(pair.initiator.acceptorName == "socks/gate.test@\(realm)")
    #expect(pair.acceptor.mechanism == .krb5 && pair.acceptor.innerMechanism == .krb5)
    #expect(pair.initiator.mechanism == .krb5 && pair.initiator.innerMechanism == .krb5)
    #expect(pair.acceptor.sessionKeyEncryptionType == 18 && pair.initiator.sessionKeyEncryptionType == 18)
    #expect(pair.acceptor.flags.isSuperset(of: .relayed) && pair.initiator.flags.isSuperset(of: .relayed))
    guard case .seconds(let seconds) = try pair.acceptor.remainingLifetime() else {
      Issue.record("the context has no lifetime")
      return
    }
    #expect((86_000...86_800).contains(seconds))
    #expect(pair.initiator.initialLifetime != .indefinite)
    #expect(try pair.acceptor.peerLocalName() == "gss-alice")
    #expect(try pair.acceptor.exportedPeerName() == GSSName.kerberosPrincipal("gss-alice").exported(for: .krb5))
  }

  @Test func spnegoNegotiatesKerberos() async throws {
    let pair = try await KerberosFixture.ready().established(.spnego)
    #expect(pair.acceptor.mechanism == .spnego && pair.initiator.mechanism == .spnego)
    #expect(pair.acceptor.innerMechanism == .krb5 && pair.initiator.innerMechanism == .krb5)
    #expect(pair.acceptor.sessionKeyEncryptionType == 18)
  }

  @Test func spnegoContextsProtectAndNumberMessages() async throws {
    var pair = try await KerberosFixture.ready().established(.spnego)
    let token = try pair.initiator.wrap([1, 2, 3], confidential: true).token
    let header = try #require(KerberosTokenHeader(token))
    let (plaintext, message) = try pair.acceptor.unwrap(token)
    #expect(plaintext == [1, 2, 3] && message.confidential && message.status.isEmpty)
    #expect(message.sequenceNumber == header.sequenceNumber)
  }

  /// Each service that was asked for, and none of the negotiable ones that were not. Kerberos always grants the
  /// ability to sign, to seal and to transfer.
  @Test func everyCombinationOfFlagsIsGrantedAsAsked() async throws {
    let fixture = try await KerberosFixture.ready()
    let negotiable: [GSSContextFlags] = [.mutual, .replay, .sequence, .confidentiality, .integrity]
    for choice in 0..<(1 << negotiable.count) {
      let asked = negotiable.enumerated().reduce(into: GSSContextFlags()) { flags, item in
        if choice & 1 << item.offset != 0 { flags.formUnion(item.element) }
      }
      let granted: (GSSContextFlags, GSSContextFlags)
      if asked.contains(.mutual) {
        let pair = try fixture.established(flags: asked)
        granted = (pair.initiator.flags, pair.acceptor.flags)
      } else {
        granted = try oneToken(fixture, flags: asked)
      }
      for flags in [granted.0, granted.1] {
        #expect(flags.isSuperset(of: asked), "asked \(asked), granted \(flags)")
      }
      let always: GSSContextFlags = [.confidentiality, .integrity, .protectionReady, .transferable]
      #expect(granted.1.subtracting(asked).isSubset(of: always), "asked \(asked), granted \(granted.1)")
    }
  }

  /// Without mutual authentication the initiator is done at once and the acceptor answers nothing.
  private func oneToken(
    _ fixture: KerberosFixture, flags: GSSContextFlags
  ) throws -> (GSSContextFlags, GSSContextFlags) {
    guard case .complete(let initiator, .some(let token)) = try fixture.initiator(flags: flags).step(nil) else {
      throw ContextPair.Stuck()
    }
    let acceptor = GSSAcceptor(credential: try fixture.acceptorCredential())
    guard case .complete(let context, let answer) = try acceptor.step(token) else { throw ContextPair.Stuck() }
    #expect(answer == nil)
    return (initiator.flags, context.flags)
  }

  @Test func channelBindingsAreComparedWhenBothSidesGiveThem() async throws {
    let fixture = try await KerberosFixture.ready()
    func flags(_ ours: [UInt8]?, _ theirs: [UInt8]?) throws -> GSSContextFlags {
      let acceptor = GSSAcceptor(credential: try fixture.acceptorCredential(), channelBindings: theirs)
      return try ContextPair(fixture.initiator(channelBindings: ours), acceptor).acceptor.flags
    }
    #expect(try flags([5, 1, 1], [5, 1, 1]).contains(.channelBound))
    #expect(try !flags(nil, [5, 1, 1]).contains(.channelBound))
    #expect(try !flags([5, 1, 1], nil).contains(.channelBound))
    let error = #expect(throws: GSSError.self) { try flags([5, 1, 1], [5, 1, 0]) }
    #expect(error?.code == .badBindings)
  }

  @Test func anIntermediateInitiatorLeavesOnlyStep() async throws {
    let fixture = try await KerberosFixture.ready()
    guard case .continueNeeded(let pending, let token) = try fixture.initiator().step(nil) else {
      throw ContextPair.Stuck()
    }
    #expect(!token.isEmpty)
    do {
      _ = try pending.step([0x60, 0x00])
      Issue.record("a malformed answer was accepted")
    } catch {
      #expect(error.code == .defectiveToken && error.operation == "gss_init_sec_context")
    }
  }
}
