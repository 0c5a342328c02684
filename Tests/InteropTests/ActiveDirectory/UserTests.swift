import Subprocess
import Testing

extension ActiveDirectoryTests {
  /// Who comes.
  @Suite struct UserTests {
    private static func run(_ body: (DomainController, DirectoryGateway) async throws -> Void) async throws {
      let domain = try await DomainController.ready()
      let computer = try await Computer.add(to: domain)
      try await computer.writeKeytab(computer.accountFirst)
      try await computer.runGateway { try await body(domain, $0) }
    }

    @Test(.timeLimit(.minutes(2))) func aUserIn400Groups() async throws {
      try await Self.run { domain, gateway in
        try await domain.addUser("crowded", groups: 400)
        try await gateway.expectServed(try await domain.ticket(for: "crowded"), as: "crowded@AD.TEST")
      }
    }

    /// The name of a user principal: `kinit -E`. As it was typed in the ticket, or with `-C` the account's.
    @Test(.timeLimit(.minutes(2))) func namesOfAnotherDomainsLook() async throws {
      try await Self.run { domain, gateway in
        try await domain.addUser("robert", upn: "robert.smith@corp.example")
        for (options, client) in [
          (["-E"], #"robert.smith\@corp.example@AD.TEST"#), (["-E", "-C"], "robert@AD.TEST"),
        ] {
          let ticket = try await domain.ticket(for: "robert.smith@corp.example", options: options)
          try await gateway.expectServed(ticket, as: client)
        }
      }
    }

    /// Nobody asks the domain again for a ticket that exists, neither `garter` nor the gateway.
    @Test(.timeLimit(.minutes(2))) func aDisabledUserGetsNoNewTicket() async throws {
      try await Self.run { domain, gateway in
        try await domain.addUser("leaver")
        let used = try await domain.ticket(for: "leaver")
        try await gateway.expectServed(used, as: "leaver@AD.TEST")
        let unused = try await domain.ticket(for: "leaver")
        try await domain.order("disable", ["name": "leaver"])
        // No ticket for the gateway is in this cache, and the domain gives none.
        let refused = try await gateway.connect(unused)
        #expect(refused.status != .exited(0) && refused.text.isEmpty, "\(refused)")
        #expect(refused.diagnostics.contains("KDC policy rejects request"), "\(refused)")
        await #expect(throws: ScriptError.self) { try await domain.ticket(for: "leaver") }
        try await gateway.expectServed(used, as: "leaver@AD.TEST")
      }
    }

    /// The ticket is asked for without a ticket-granting one, for Samba's KDC makes no short tickets otherwise.
    @Test(.timeLimit(.minutes(2))) func aDisabledUsersTicketWorksUntilItEnds() async throws {
      try await Self.run { domain, gateway in
        try await domain.addUser("short")
        let ticket = try await domain.ticket(for: "short", options: ["-l", "12s", "-S", gateway.computer.service])
        try await domain.order("disable", ["name": "short"])
        try await gateway.expectServed(ticket, as: "short@AD.TEST")
        // Its input stays open, so nothing but the ticket's end ends the session.
        let open = try await Child.start(try gateway.connectCommand(), environment: ticket)
        open.send("ping")
        #expect(try await open.output.next(within: .seconds(10)) == "ping")
        try await open.ended(within: .seconds(40))
        let record = try #require(try await gateway.gateway.sessions(2).last)
        #expect(record.reason?.hasSuffix("-expired") == true, "\(record)")
      }
    }
  }
}
