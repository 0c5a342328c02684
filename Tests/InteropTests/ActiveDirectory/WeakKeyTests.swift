import Subprocess
import Testing

extension ActiveDirectoryTests {
  /// Accounts that were made when there was no AES, or were told so.
  @Suite struct WeakKeyTests {
    /// RC4, the only type that is in these keytabs.
    static let rc4 = 23
    static let remedy = "msDS-SupportedEncryptionTypes"

    @Test(.timeLimit(.minutes(2))) func aWeakSessionKeyIsRefused() async throws {
      let domain = try await DomainController.ready()
      let computer = try await Computer.add(to: domain, enctypes: Computer.KeyTypes.rc4)
      try await domain.addUser("weak")
      try await computer.writeKeytab(computer.accountFirst, enctypes: [Self.rc4])
      let ticket = try await domain.ticket(for: "weak")
      try await computer.runGateway { gateway in
        let ending = try await gateway.connect(ticket)
        #expect(ending.status != .exited(0) && ending.text.isEmpty, "\(ending)")
        let record = try #require(try await gateway.gateway.sessions(1).first)
        #expect(record.reason == "context-too-weak", "\(record)")
        #expect(record.description.contains("arcfour-hmac") && record.description.contains(Self.remedy), "\(record)")
      }
    }

    /// Only the ticket is encrypted with RC4: who steals it can try to find the gateway's key, and nothing of the session
    /// depends on it.
    @Test(.timeLimit(.minutes(2))) func aWeakTicketKeyIsServedAndWarnedOf() async throws {
      let domain = try await DomainController.ready()
      let computer = try await Computer.add(to: domain, enctypes: Computer.KeyTypes.rc4WithAESSessions)
      try await domain.addUser("half-weak")
      try await computer.writeKeytab(computer.accountFirst, enctypes: [Self.rc4])
      let checked = try await computer.check()
      #expect(checked.status == .exited(0), "\(checked)")
      let said = checked.text + checked.diagnostics
      #expect(said.contains(computer.service) && said.contains("arcfour-hmac") && said.contains(Self.remedy), "\(said)")
      let ticket = try await domain.ticket(for: "half-weak")
      try await computer.runGateway { try await $0.expectServed(ticket, as: "half-weak@AD.TEST") }
    }

    @Test(.timeLimit(.minutes(2))) func keysOfAESAreNotWarnedOf() async throws {
      let computer = try await Computer.add(to: try await DomainController.ready())
      try await computer.writeKeytab(computer.accountFirst)
      let checked = try await computer.check()
      #expect(checked.status == .exited(0), "\(checked)")
      #expect(!(checked.text + checked.diagnostics).contains(Self.remedy), "\(checked)")
    }
  }
}
