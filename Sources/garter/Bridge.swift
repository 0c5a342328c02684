import ArgumentParser
import Logging
import NIOCore
import NIOPosix
import Platform
import ProxySession
import SOCKSClient
import SOCKSCore
import SOCKSGSSAPI

struct Bridge: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a local SOCKS5 server that sends everything through the gateway.",
    discussion: """
      Programs connect to the bridge without authentication; the bridge authenticates to the gateway with your \
      ticket and protects their traffic. Only your own processes on this machine may connect. New connections use a \
      renewed ticket without a restart.

      It supports CONNECT, BIND and UDP ASSOCIATE if the gateway does. Each UDP association accepts datagrams from \
      one port; SOCKS fragments are dropped.

      Examples:
        garter bridge --gateway gw.example.com:1080
        curl -x socks5h://127.0.0.1:1080 https://intranet.example.com/
        git -c http.proxy=socks5h://127.0.0.1:1080 clone https://git.example.com/project.git
        chromium --proxy-server=socks5://127.0.0.1:1080

      SIGTERM, SIGINT and SIGHUP (the terminal closes) stop it: open connections may continue for --drain seconds. \
      A second SIGTERM or SIGINT ends it at once. Under nohup SIGHUP is ignored.
      """)

  @OptionGroup var gatewayOptions: GatewayOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Where to listen: a loopback address, or localhost for both. Port 0: any free port. May be repeated. "
        + "Default: 127.0.0.1:1080.", valueName: "address:port"))
  var listen: [String] = []

  @Option(help: ArgumentHelp("Maximum number of connections at a time.", valueName: "count"))
  var maximumConnections: Int = 512

  @Option(help: ArgumentHelp("How long open connections may continue after a request to stop.", valueName: "seconds"))
  var drain: UInt32 = 10

  @Flag(name: .shortAndLong, help: "Print nothing but the listening address.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "Log one line per session.")
  var verbose = false

  @OptionGroup var logOptions: LogOptions

  func validate() throws {
    guard !self.quiet || !self.verbose else { throw ValidationError("--quiet and --verbose exclude each other") }
    _ = try self.bridgeConfiguration()
  }

  private func bridgeConfiguration() throws -> SOCKSClient.Bridge.Configuration {
    let listen: [SOCKSAddress]
    do {
      listen = try (self.listen.isEmpty ? ["127.0.0.1:1080"] : self.listen).map { text throws(SOCKSError) in
        try SOCKSAddress(parsing: text, defaultPort: 1080)
      }
    } catch {
      throw ValidationError("--listen: \(error.detail)")
    }
    guard (1...100_000).contains(self.maximumConnections) else {
      throw ValidationError("--maximum-connections is 1 to 100000")
    }
    guard self.drain <= 86_400 else { throw ValidationError("--drain is 0 to 86400 seconds") }
    var configuration = SOCKSClient.Bridge.Configuration(listen: listen)
    configuration.maximumConnections = self.maximumConnections
    configuration.drainTimeout = .seconds(Int64(self.drain))
    return configuration
  }

  func run() async throws {
    let run = ServiceRun.begin(label: "garter", hangUp: .stops)
    let log = self.logOptions.configure()
    let logger = log.makeLogger(label: "garter", level: self.quiet ? .critical : self.verbose ? .info : .warning)
    // Each connection needs two descriptors, an association four.
    _ = try? DescriptorLimit.raise()
    // Steps may hang on a silent KDC for half a minute each.
    let pool = StepPool(threads: 8, limit: max(64, self.maximumConnections))
    let connector = ProxyConnector(
      try self.gatewayOptions.configuration(), pool: pool, tokens: self.gatewayOptions.tokens)
    do {
      let bridge = try SOCKSClient.Bridge(try self.bridgeConfiguration(), connector: connector, logger: logger)
      try await bridge.listen()
      log.say(
        "listening on \(bridge.addresses.map(\.description).joined(separator: " and ")), through "
          + "\(escaped(self.gatewayOptions.gateway)) as a client of \(connector.configuration.targetWords)")
      try await run.run(bridge, drain: .seconds(Int64(self.drain)), isReady: true)
      endProcess(status: ProgramStatus.success.rawValue)
    } catch let error as BridgeError {
      log.say("\(error)", level: .critical)
      endProcess(status: (error.reason == .notLoopback ? ProgramStatus.usage : .unavailable).rawValue)
    }
  }
}
