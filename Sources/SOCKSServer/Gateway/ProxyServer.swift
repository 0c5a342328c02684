public import Logging
public import NIOCore
public import NIOPosix
import Platform
import ProxySession
public import SOCKSCore
public import SOCKSGSSAPI
import SOCKSNIO
public import ServiceLifecycle

/// The gateway: accepts RFC 1961 clients on its listeners, and relays what the rules allow.
///
/// It is a `Service`: ``run()`` listens until a graceful shutdown, then takes no new sessions, lets the relaying ones come
/// to their ends for as long as `timeouts.drain` says, and resets what is left.
public final class ProxyServer: Service {
  /// How long the end waits for steps under way. One may hang on its keytab or its replay cache.
  static let stepsLimit: Duration = .milliseconds(200)

  private let configuration: Configuration
  private let served: String
  private let logger: Logger
  private let group: any EventLoopGroup
  private let onListening: @Sendable ([SOCKSAddress]) -> Void
  private let dependencies: GatewayDependencies

  /// - Parameters:
  ///   - served: the principals of the keytab that are served, for the line of log that says what is listened on.
  ///   - restrictions: what the engine for tokens must do without on this machine.
  ///   - onListening: called once, with the addresses that are listened on, when all of them are.
  public convenience init(
    configuration: Configuration, served: String = "", logger: Logger,
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    restrictions: TokenEngine.Restrictions = TokenEngine.Restrictions(),
    onListening: @escaping @Sendable ([SOCKSAddress]) -> Void = { _ in }
  ) {
    self.init(
      configuration: configuration, served: served, logger: logger, group: group,
      dependencies: .system(configuration.kerberos, restrictions), onListening: onListening)
  }

  init(
    configuration: Configuration, served: String, logger: Logger, group: any EventLoopGroup,
    dependencies: GatewayDependencies, onListening: @escaping @Sendable ([SOCKSAddress]) -> Void
  ) {
    self.configuration = configuration
    self.served = served
    self.logger = logger
    self.group = group
    self.onListening = onListening
    self.dependencies = dependencies
  }

  /// - Throws: a ``SOCKSError`` when the keytab cannot be used, a ``ConfigurationError`` when the password file cannot, a ``ListenError`` when an address cannot be listened on, or no longer:
  ///   then the sessions that there are have ended as after a graceful shutdown.
  ///   Nothing is left behind then.
  public func run() async throws {
    let limits = self.configuration.limits
    let passwords: PasswordCheck? =
      if let configuration = self.configuration.passwords {
        try PasswordCheck(configuration, logger: self.logger)
      } else {
        nil
      }
    // Nobody waits for a check any more when the last session has ended.
    defer { Task { await passwords?.shutdown() } }
    let steps = StepPool(threads: limits.authenticationThreads, limit: limits.authenticationSteps)
    let lookups = StepPool(threads: limits.lookupThreads, limit: limits.lookups)
    // A resolver may hang for half a minute with nobody waiting for its answer any more: it does not hold up the end.
    defer { Task { await lookups.shutdown() } }
    do {
      try await self.serve(steps: steps, lookups: lookups, passwords: passwords)
    } catch {
      await steps.shutdown(within: Self.stepsLimit)
      throw error
    }
    await steps.shutdown(within: Self.stepsLimit)
  }

  private func serve(steps: StepPool, lookups: StepPool, passwords: PasswordCheck?) async throws {
    let acceptor = try self.dependencies.acquireAcceptor(steps, self.logger)
    let plan = DescriptorPlan(
      self.configuration, available: self.dependencies.descriptors(), eventLoops: System.coreCount)
    if let shortage = plan.shortage {
      self.logger.warning("too few descriptors", metadata: ["detail": "\(shortage)"])
    }
    let random = self.dependencies.random
    let registry = SessionRegistry(plan.limits, random: random)
    let listenerLog = ListenerLog(self.logger)
    let lines = RepeatedLines(logger: self.logger, group: self.group, now: self.dependencies.now)
    let limits = AdmissionLimits(self.configuration.limits, self.configuration.penalties)
    let admission = AdmissionControl(
      limits,
      penalties: Penalties(
        Penalties.Settings(self.configuration.penalties), ipv6Prefix: limits.ipv6Prefix, now: self.dependencies.now,
        random: random),
      lines: lines, now: self.dependencies.now, random: random, evict: { registry.endUnauthenticated() })
    // Bound first, so that the policy knows where the gateway listens; accepting begins when everything is ready.
    let listeners = try await Listeners.bind(
      self.configuration.listen, keepalive: TCPKeepalive(self.configuration.keepalive), group: self.group,
      ledger: registry.ledger, log: listenerLog)
    let addresses = listeners.addresses
    do {
      let services = SessionServices(
        self.configuration, makeEstablishment: acceptor.makeEstablishment, passwords: passwords,
        rulesAsked: self.dependencies.rulesAsked,
        lookup: NameLookup(
          self.configuration, pool: lookups, inHostsFile: self.dependencies.inHostsFile,
          lookUp: self.dependencies.lookUp),
        registry: registry, admission: admission, lines: lines, listenerLog: listenerLog,
        ownSockets: OwnSockets(addresses), now: .now(), logger: self.logger)
      try await listeners.startAccepting(services)
    } catch {
      await listeners.close()
      throw error
    }
    self.logger.notice(
      "listening",
      metadata: [
        "addresses": "\(addresses.map(\.description).joined(separator: " "))",
        "methods": "\(self.configuration.listen.map(\.description).joined(separator: " | "))",
        "principals": "\(self.served)",
        "engine": "\(acceptor.engine)",
        "levels": "\(self.configuration.kerberos.levels.map(\.description).joined(separator: " "))",
      ].marked(.reserved))
    self.onListening(addresses)
    let end = await self.end(of: listeners)
    await listeners.close()
    // A cancelled task waits for nothing.
    await self.drain(registry, isGraceful: !Task.isCancelled)
    lines.flush()
    self.logger.notice("stopped")
    if let loss = end { throw loss }
  }

  /// Waits for a shutdown, the task's cancellation, or the loss of a listener, which it returns.
  private func end(of listeners: Listeners) async -> ListenError? {
    await withTaskGroup(of: ListenError?.self) { tasks in
      tasks.addTask {
        try? await gracefulShutdown()
        return nil
      }
      tasks.addTask { await listeners.loss() }
      defer { tasks.cancelAll() }
      return await tasks.next() ?? nil
    }
  }

  private func drain(_ registry: SessionRegistry, isGraceful: Bool) async {
    registry.beginDraining()
    self.logger.notice("stopping", metadata: ["connections": "\(registry.connections)"].marked(.reserved))
    let limit: Duration = isGraceful ? self.configuration.timeouts.drain : .zero
    await withTaskGroup(of: Bool.self) { tasks in
      tasks.addTask {
        await registry.waitUntilEmpty()
        return true
      }
      tasks.addTask {
        try? await Task.sleep(for: limit)
        return false
      }
      if await tasks.next() == false { registry.endAll(SessionEnd(.stopped)) }
      tasks.cancelAll()
    }
  }
}
