import Logging
import NIOCore
import Platform
import ProxySession
import SOCKSCore
import SOCKSGSSAPI
import SOCKSNIO

/// What a gateway asks of the system that it runs on.
struct GatewayDependencies: Sendable {
  typealias MakeEstablishment = @Sendable (any EventLoop) -> any ContextEstablishment

  /// What contexts are accepted with.
  struct Acceptor: Sendable {
    /// Makes a context for a channel of a loop.
    var makeEstablishment: MakeEstablishment
    /// What makes and opens tokens, and why it is no faster one.
    var engine: String
  }

  /// Acquires the acceptor's credential, and chooses the engine; it may take a moment.
  var acquireAcceptor: @Sendable (StepPool, Logger) throws -> Acceptor
  /// Resolves a complete name, on a thread that may block; at most so many addresses. Fails with `noSuchName` where there
  /// is no such name, with another cause where nobody can say.
  var lookUp: @Sendable (String, Int) -> Result<[IPAddress], SessionEnd>
  /// What the hosts file says of a name, on a thread that may block; no addresses where it does not know it.
  var inHostsFile: @Sendable (String, Int) -> Result<[IPAddress], SessionEnd> = { _, _ in .success([]) }
  /// Called with everything that the rules are asked, by tests that count it.
  var rulesAsked: @Sendable (RulesQuestion) -> Void = { _ in }
  /// For penalties.
  var now: @Sendable () -> NIODeadline = { .now() }
  /// A number below the one given, which is at least 1.
  var random: @Sendable (Int) -> Int = { Int.random(in: 0..<max(1, $0)) }
  /// Descriptors that the process may have; nil when that cannot be told.
  var descriptors: @Sendable () -> Int? = {
    (try? DescriptorLimit.current()).map { Int(clamping: $0.soft) }
  }

  /// The system's GSS-API library and resolver, and the engine that takes sessions over.
  static func system(_ kerberos: Configuration.Kerberos, _ restrictions: TokenEngine.Restrictions) -> Self {
    Self(
      acquireAcceptor: { pool, logger in
        let tokens = TokenEngine(kerberos.engine, restrictions: restrictions) { obstacle in
          logger.warning(
            "a session stays with the system's library; further ones are not reported",
            metadata: ["detail": "\(obstacle)"])
        }
        let provider = try GSSAcceptorProvider(kerberos.acceptor, pool: pool, tokens: tokens) { warning in
          logger.error("the keytab can be written by others", metadata: ["detail": "\(warning)"])
        }
        return Acceptor(
          makeEstablishment: { provider.makeEstablishment(on: $0) }, engine: tokens.description)
      },
      lookUp: NameLookup.bySystem, inHostsFile: NameLookup.inHostsFile)
  }
}

/// What a session asks the rules.
enum RulesQuestion: Hashable, Sendable {
  /// What they have to do with a request.
  case request(AccessCommand, SOCKSHost)
  /// Which of these addresses it may reach.
  case addresses([IPAddress])
}
