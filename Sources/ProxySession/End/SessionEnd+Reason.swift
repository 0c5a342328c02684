import SOCKSCore

extension SessionEnd {
  /// A stable word for the cause.
  public var reason: String {
    switch self.cause {
    case .completed: "completed"
    case .refused(let refusal):
      switch refusal.code {
      case .denied, .noRule, .specialAddress: "refused-by-rule"
      case .unreadablePrincipal: refusal.code.rawValue
      }
    case .refusedUpstream: "request-refused"
    case .limit(let limit): limit.rawValue
    case .timeout(let timeout), .stepTimeout(let timeout): timeout.rawValue
    case .evicted: "evicted"
    case .draining, .stopped: "stopping"
    case .ticketExpired: "ticket-expired"
    case .connectFailed(let failure): failure.rawValue
    case .malformedName: "malformed-name"
    case .authenticationFailed(let failure): failure.rawValue
    case .trouble(let trouble): trouble.rawValue
    case .violation(let code, _): code.description
    case .foreignProtocol: "foreign-protocol"
    case .connectionClosed: "connection-closed"
    case .ioError: "connection-lost"
    case .bug: "internal-error"
    }
  }

  /// Whose fault an end is.
  public enum Fault: String, Hashable, Sendable, CaseIterable {
    case client
    case target
    /// This program, its machine, or how it is run.
    case gateway
    case network
    /// Nobody's: a rule or a limit that the operator has set.
    case policy
  }

  /// Nil for what is no fault.
  public var fault: Fault? {
    switch self.cause {
    case .completed: nil
    case .refused, .ticketExpired: .policy
    case .refusedUpstream: .target
    case .limit(let limit):
      switch limit {
      case .sessionsPerPrincipal: .policy
      case .authenticationQueue, .passwordQueue, .lookupQueue, .descriptors, .memory, .diskSpace, .ports: .gateway
      }
    case .timeout(let timeout):
      switch timeout {
      case .method, .authentication, .level, .request: .client
      case .resolve: .network
      case .connect, .bind, .gateway: .target
      case .idle, .halfClosed, .session: .policy
      }
    case .stepTimeout, .evicted, .draining, .stopped, .trouble, .bug: .gateway
    case .connectFailed(let failure):
      switch failure {
      case .refused, .hostUnreachable, .other: .target
      case .networkUnreachable, .noSuchName, .resolver: .network
      }
    case .malformedName, .foreignProtocol: .client
    case .authenticationFailed(let failure):
      switch failure {
      case .password, .context, .contextTooWeak, .serviceNotServed, .levelNotAcceptable, .clockSkew,
        .credentialsExpired, .noCredentials, .unknownService, .ticketForOtherService, .ticketCache, .tokenTooLong:
        .client
      case .kdcUnreachable: .network
      case .abort: .target
      }
    case .violation(_, let party): Fault(party)
    case .connectionClosed: Fault(self.party)
    case .ioError: .network
    }
  }
}

extension SessionEnd.Fault {
  init(_ party: SessionParty) {
    self =
      switch party {
      case .client: .client
      case .target: .target
      case .gateway: .gateway
      case .network: .network
      }
  }
}
