import Foundation
import GSSAPI
import Testing

@Suite struct LeakTests {
  /// A context has about 4.5 KiB, a half-open one 0.4: 2,000 of either left behind would be seen. In a process of its
  /// own, where nothing else allocates.
  @Test func handshakesLeaveNothingBehind() async throws {
    let settings = ChildSettings(try await KerberosFixture.ready())
    await #expect(processExitsWith: .success) { [settings = settings as ChildSettings] in
      try settings.adopt()
      try repeatedHandshakes(settings, 200)
      let before = try residentPages()
      try repeatedHandshakes(settings, 2_000)
      let growth = try residentPages() - before
      #expect(growth * 4_096 < 512 * 1_024, "grew by \(growth) pages")
    }
  }
}

/// One of each kind a round: complete, refused by the acceptor, refused by the initiator, and given up half-way.
private func repeatedHandshakes(_ settings: ChildSettings, _ rounds: Int) throws {
  let ticket = try GSSCredential(initiatorFor: nil, store: GSSCredentialStore(credentialCache: settings.cache))
  let keys = try GSSCredential(
    acceptorFor: nil, store: GSSCredentialStore(keytab: settings.keytab, replayCache: "none:"))
  let target = try GSSName.hostBased(KerberosFixture.service)
  for _ in 0..<rounds {
    var pair = try ContextPair(
      GSSInitiator(target: target, flags: .relayed, credential: ticket), GSSAcceptor(credential: keys))
    var token = try pair.initiator.wrap([1, 2, 3], confidential: true).token
    token[token.count - 1] ^= 1
    #expect(failure { try pair.acceptor.unwrap(token) } != nil)

    let pending = GSSInitiator(target: target, flags: .relayed, credential: ticket)
    guard case .continueNeeded(let next, var first) = try pending.step(nil) else { throw ContextPair.Stuck() }
    first[first.count - 1] ^= 1
    #expect(refusal(first, keys))
    #expect(refusal([], keys))
    do {
      _ = try next.step([0x60, 0x00])
      Issue.record("a malformed answer was accepted")
    } catch {
      #expect(error.code == .defectiveToken)
    }

    let abandoned = GSSInitiator(target: target, flags: .relayed, credential: ticket)
    _ = try abandoned.step(nil)
  }
}

private func refusal(_ token: [UInt8], _ credential: GSSCredential) -> Bool {
  do {
    _ = try GSSAcceptor(credential: credential).step(token)
    return false
  } catch {
    return true
  }
}

private func residentPages() throws -> Int {
  let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
  return try #require(fields.dropFirst().first.flatMap { Int($0) })
}
