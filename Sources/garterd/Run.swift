import ArgumentParser
import Logging
import Platform
import SOCKSCore
import SOCKSGSSAPI
import SOCKSServer
import ServiceLifecycle
import UnixSignals

struct Run: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the gateway until SIGTERM or SIGINT.",
    discussion: """
      After SIGTERM or SIGINT no new session is taken; sessions that relay may go on for timeouts.drain of the \
      configuration, then they are reset. Each session ends with one line of log on standard error.
      """)

  @OptionGroup var file: ConfigurationFile

  @Option(
    help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"),
    transform: { text in
      guard let level = Logger.Level(rawValue: text) else { throw ValidationError("\(text) is not a log level") }
      return level
    })
  var logLevel: Logger.Level = .info

  func run() async throws {
    var configuration = self.file.read()
    self.file.placeReplayCache(&configuration)
    let served = KerberosFiles(configuration.kerberos, createsReplayCache: true).report()
    FreedMemory.keepForReuse()
    // Each session needs two descriptors.
    _ = try? DescriptorLimit.raise()
    var logger = Logger(label: "garterd", factory: { StreamLogHandler.standardError(label: $0) })
    logger.logLevel = self.logLevel
    let server = ProxyServer(
      configuration: configuration, served: escaped(served.text, limit: 2_000), logger: logger,
      restrictions: self.restrictions())
    let services = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [server], gracefulShutdownSignals: [.sigterm, .sigint], logger: Self.quiet))
    do {
      try await services.run()
      endProcess(status: 0)
    } catch let error as SOCKSError {
      self.fail(escaped(error.detail, limit: 2_000), .configuration)
    } catch let error as ConfigurationError {
      writeLine("\(error)", to: .errorOutput)
      endProcess(status: ExitStatus.configuration.rawValue)
    } catch let error as ListenError {
      self.fail("\(error)", .unavailable)
    } catch {
      self.fail("\(error)", .software)
    }
  }

  /// The service group's own lines say nothing that the gateway's do not.
  private static let quiet: Logger = {
    var logger = Logger(label: "services", factory: { StreamLogHandler.standardError(label: $0) })
    logger.logLevel = .critical
    return logger
  }()

  /// For comparisons and tests: what the engine must leave aside, as `avx512,sha` or `multi-buffer`.
  private func restrictions() -> TokenEngine.Restrictions {
    let name = "GARTER_ENGINE_WITHOUT"
    guard let text = Environment.get(name), !text.isEmpty else { return TokenEngine.Restrictions() }
    guard let restrictions = TokenEngine.Restrictions(parsing: text) else {
      self.fail("\(name) takes avx512, avx2, sha and multi-buffer, with commas between", .configuration)
    }
    return restrictions
  }

  private func fail(_ message: String, _ status: ExitStatus) -> Never {
    writeLine("garterd: \(message)", to: .errorOutput)
    endProcess(status: status.rawValue)
  }
}
