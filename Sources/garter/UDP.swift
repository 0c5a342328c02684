import ArgumentParser
import Logging
import NIOCore
import NIOPosix
import Platform
import ProxySession
import SOCKSClient
import SOCKSCore
import SOCKSGSSAPI

struct UDP: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "udp",
    abstract: "Send datagrams to a target: from standard input, or from a local port.",
    discussion: """
      Without --listen, each read() from standard input is sent as one datagram (at most 65000 bytes), as with nc \
      -u; answers are written to standard output. After the end of the input garter waits --wait seconds for \
      answers.

      With --listen, datagrams that your own processes send to a local port go to the target, and its answers back \
      to the sender. Each local sender has its own association with the gateway, which ends after --idle seconds \
      without a datagram. Delivery is not guaranteed, as always with UDP.

      Examples:
        garter udp --gateway gw.example.com:1080 --listen 127.0.0.1:5353 10.0.0.53 53
            then: dig @127.0.0.1 -p 5353 www.example.com
        printf 'link up' | garter udp --gateway gw.example.com:1080 --wait 0 loghost.example.com 514

      Exit status: 0 end of input, or (with --listen) stopped by SIGTERM, SIGINT or SIGHUP; 64 usage error; 68 the gateway's name is \
      unknown; 69 the gateway cannot be reached or relays no datagrams, or the local port is taken; 74 the session \
      ended prematurely; 75 no answer in time, try again; 76 the gateway violates the protocol or does not agree to \
      the requested protection; 77 no ticket, or refused.
      """)

  @OptionGroup var gatewayOptions: GatewayOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Accept datagrams on this loopback address, or localhost for both. Port 0: any free port.",
      valueName: "address:port"))
  var listen: String?

  @Option(
    help: ArgumentHelp(
      "With --listen: end a sender's association after this long without a datagram.", valueName: "seconds"))
  var idle: UInt32 = 60

  @Option(help: ArgumentHelp("With --listen: maximum number of senders at a time.", valueName: "count"))
  var maximumSenders: Int = 256

  @Option(
    help: ArgumentHelp("Without --listen: how long to wait for answers after the input.", valueName: "seconds"))
  var wait: UInt32 = 3

  @Flag(name: .shortAndLong, help: "Print nothing on standard error but the listening address; see the exit status.")
  var quiet = false

  @Flag(
    name: .shortAndLong, help: "Print on standard error what was negotiated with the gateway, and what was dropped.")
  var verbose = false

  @OptionGroup var logOptions: LogOptions

  @OptionGroup var destination: TargetArguments

  func validate() throws {
    guard !self.quiet || !self.verbose else { throw ValidationError("--quiet and --verbose exclude each other") }
    _ = try self.listenAddress()
    guard (1...86_400).contains(self.idle) else { throw ValidationError("--idle is 1 to 86400 seconds") }
    guard self.wait <= 86_400 else { throw ValidationError("--wait is 0 to 86400 seconds") }
    guard (1...10_000).contains(self.maximumSenders) else { throw ValidationError("--maximum-senders is 1 to 10000") }
  }

  private func listenAddress() throws -> SOCKSAddress? {
    do {
      return try self.listen.map { text throws(SOCKSError) in try SOCKSAddress(parsing: text, defaultPort: 0) }
    } catch {
      throw ValidationError("--listen: \(error.detail)")
    }
  }

  func run() async throws {
    let log = self.logOptions.configure()
    if let listen = try self.listenAddress() {
      try await self.forward(from: listen, log: log)
    } else {
      try await self.copyStandardStreams()
    }
  }

  private func copyStandardStreams() async throws {
    ProgramSignals.useDefaults()
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let pool = StepPool(threads: 1, limit: 1)
    let connector = ProxyConnector(
      try self.gatewayOptions.configuration(), pool: pool, tokens: self.gatewayOptions.tokens, group: group)
    let verbose = self.verbose
    let session = StandardDatagramSession(connector: connector, grace: .seconds(Int64(self.wait))) { association in
      if verbose { LogWriter.standardError.say("associated, \(association.summary)") }
    }
    do {
      let drops = try await session.run(to: try self.destination.address())
      if verbose, drops.total > 0 { LogWriter.standardError.say("dropped \(drops)") }
      self.end(.success)
    } catch let error as ProxyConnectorError {
      self.end(error.programStatus, "\(error)")
    } catch {
      self.end(.inputOutput, "\(error)")
    }
  }

  private func forward(from listen: SOCKSAddress, log: LogWriter) async throws {
    let run = ServiceRun.begin(label: "garter", hangUp: .stops)
    let logger = log.makeLogger(label: "garter", level: self.quiet ? .critical : self.verbose ? .info : .warning)
    // Each sender needs two descriptors: the control connection's and the socket's.
    _ = try? DescriptorLimit.raise()
    // Steps may hang on a silent KDC for half a minute each.
    let pool = StepPool(threads: 8, limit: max(64, self.maximumSenders))
    let connector = ProxyConnector(
      try self.gatewayOptions.configuration(), pool: pool, tokens: self.gatewayOptions.tokens)
    let target = try self.destination.address()
    var configuration = DatagramForward.Configuration(listen: listen, target: target)
    configuration.idleTimeout = .seconds(Int64(self.idle))
    configuration.maximumSenders = self.maximumSenders
    do {
      let forward = try DatagramForward(configuration, connector: connector, logger: logger)
      try await forward.listen()
      log.say(
        "listening on \(forward.addresses.map(\.description).joined(separator: " and ")) for datagrams to "
          + "\(escaped(target.description)), through \(escaped(self.gatewayOptions.gateway)) as a client of "
          + "\(connector.configuration.targetWords)")
      try await run.run(forward, drain: .zero, isReady: true)
      self.end(.success)
    } catch let error as BridgeError {
      log.say("\(error)", level: .critical)
      self.end(error.reason == .notLoopback ? .usage : .unavailable)
    }
  }

  private func end(_ status: ProgramStatus, _ text: String? = nil) -> Never {
    if let text, !self.quiet { LogWriter.standardError.say(text, level: .error) }
    endProcess(status: status.rawValue)
  }
}
