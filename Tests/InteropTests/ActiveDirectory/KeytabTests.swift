import Testing

extension ActiveDirectoryTests {
  /// One key under many names, as every computer account has.
  @Suite struct KeytabTests {
    enum Order: CaseIterable {
      case accountFirst, serviceFirst, hostFirst

      func names(_ computer: Computer) -> [String] {
        switch self {
        case .accountFirst: computer.accountFirst
        case .serviceFirst: [computer.service, computer.account, "host/\(computer.host)"]
        case .hostFirst: ["host/\(computer.host)", computer.account, computer.service]
        }
      }
    }

    @Test(.timeLimit(.minutes(2)), arguments: Order.allCases)
    func theServiceIsFoundInAnyOrder(order: Order) async throws {
      let domain = try await DomainController.ready()
      let computer = try await Computer.add(to: domain)
      let user = "keytab-\(order)"
      try await domain.addUser(user)
      try await computer.writeKeytab(order.names(computer))
      let ticket = try await domain.ticket(for: user)
      try await computer.runGateway { gateway in
        try await gateway.expectServed(ticket, as: "\(user)@AD.TEST")
      }
    }

    /// The account's password is changed as adcli and msktutil do: the new keys come into the keytab before the old ones,
    /// which stay.
    @Test(.timeLimit(.minutes(2))) func thePasswordIsChangedWhileTheGatewayRuns() async throws {
      let domain = try await DomainController.ready()
      let computer = try await Computer.add(to: domain)
      try await domain.addUser("rotation")
      let first = try await computer.writeKeytab(computer.accountFirst)
      let old = try await domain.ticket(for: "rotation")
      try await computer.runGateway { gateway in
        try await gateway.expectServed(old, as: "rotation@AD.TEST")
        try await computer.changePassword()
        let second = try await computer.writeKeytab(computer.accountFirst)
        #expect(second.count == 2 * first.count && second.max() == first.max().map { $0 + 1 }, "\(first) \(second)")
        let new = try await domain.ticket(for: "rotation")
        for ticket in [new, old, new] { try await gateway.expectServed(ticket, as: "rotation@AD.TEST") }
      }
    }
  }
}
