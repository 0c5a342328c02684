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
  }
}
