public import NIOCore
public import NIOPosix
import Platform
import ProxySession
public import SOCKSCore
public import SOCKSGSSAPI
import SOCKSNIO

/// Opens connections through a gateway that speaks RFC 1961.
///
/// Each connection authenticates anew with the credentials of the moment: a ticket that was obtained or renewed after
/// the connector was made is used. A connector never makes a second attempt in a weaker form.
///
/// ```swift
/// let gateway = try SOCKSAddress(parsing: "gw.example.com:1080", defaultPort: 1080)
/// let connector = ProxyConnector(.init(gateway: gateway))
/// let target = SOCKSAddress(host: try SOCKSHost("db.example.com"), port: 5432)
/// let answer = try await connector.withConnection(to: target) { input, output in … }
/// ```
public final class ProxyConnector: Sendable {
  /// Makes a context for a request with this command.
  typealias MakeEstablishment = @Sendable (any EventLoop, SOCKSCommand) -> any ContextEstablishment

  public let configuration: Configuration
  private let group: any EventLoopGroup
  let makeEstablishment: MakeEstablishment
  /// What the sockets of associations read into.
  let datagramMemory = LoopLocal { DatagramMemory() }

  /// - Parameters:
  ///   - pool: where the steps of contexts run, which may block; one of the caller's own, or the process's.
  ///   - tokens: what protects messages once a connection is established.
  ///   - group: where channels run that are not asked for on a certain event loop.
  public convenience init(
    _ configuration: Configuration, pool: StepPool = .shared, tokens: TokenEngine = .automatic,
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) {
    var provided = GSSInitiatorProvider.Configuration(
      target: configuration.target, credentialCache: configuration.credentialCache, identity: configuration.identity,
      clientKeytab: configuration.clientKeytab, trustsDNS: configuration.trustsDNS)
    let otherNames: @Sendable (String) -> [String] = { HostNames.ofAddresses(of: $0) }
    let streams = GSSInitiatorProvider(provided, pool: pool, tokens: tokens, otherNames: otherNames)
    // "GSS_C_SEQUENCE_FLAG should only be passed in for TCP-based clients, not for UDP-based clients" (RFC 1961
    // section 3.2).
    provided.asksForSequence = false
    let datagrams = GSSInitiatorProvider(provided, pool: pool, tokens: tokens, otherNames: otherNames)
    self.init(configuration, group: group) { eventLoop, command in
      (command == .udpAssociate ? datagrams : streams).makeEstablishment(on: eventLoop)
    }
  }

  init(
    _ configuration: Configuration, group: any EventLoopGroup, makeEstablishment: @escaping MakeEstablishment
  ) {
    self.configuration = configuration
    self.group = group
    self.makeEstablishment = makeEstablishment
  }

  /// Connects to a target through the gateway.
  ///
  /// - Parameter eventLoop: the channel's event loop; nil for any of the connector's group.
  /// - Returns: the channel, which has not been read from; fails with ``ProxyConnectorError``.
  public func connect(to target: SOCKSAddress, on eventLoop: (any EventLoop)? = nil) -> EventLoopFuture<ProxiedChannel>
  {
    self.connect(to: target, attempt: self.makeAttempt(on: eventLoop))
  }

  /// Connects to a target through the gateway. A cancelled task gives up.
  ///
  /// - Returns: the channel, which has not been read from.
  /// - Throws: ``ProxyConnectorError``.
  public func connect(to target: SOCKSAddress) async throws -> ProxiedChannel {
    let attempt = self.makeAttempt(on: nil)
    return try await self.connect(to: target, attempt: attempt).get(givingUp: attempt)
  }

  func connect(to target: SOCKSAddress, attempt: ConnectionAttempt) -> EventLoopFuture<ProxiedChannel> {
    let established = attempt.eventLoop.makePromise(of: ProxiedChannel.self)
    self.request(SOCKSRequest(command: .connect, destination: target), attempt: attempt, established)
    return established.futureResult
  }

  func makeAttempt(
    on eventLoop: (any EventLoop)?, descriptors: SessionDescriptors? = nil
  ) -> ConnectionAttempt {
    ConnectionAttempt(on: eventLoop ?? self.group.any(), descriptors: descriptors)
  }
}
