import ArgumentParser
import Logging
import Platform
import ProxySession
import SOCKSCore
import SOCKSGSSAPI
import SOCKSServer

struct Run: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the gateway until SIGTERM or SIGINT.",
    discussion: """
      After SIGTERM or SIGINT no new sessions are accepted; relaying sessions may continue for timeouts.drain, then \
      they are reset; a second SIGTERM or SIGINT resets them at once. Each session ends with one log line on \
      standard error.
      """)

  @OptionGroup var file: ConfigurationFile

  @Option(
    help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"),
    transform: { text in
      guard let level = Logger.Level(rawValue: text) else { throw ValidationError("\(text) is not a log level") }
      return level
    })
  var logLevel: Logger.Level = .info

  @Option(
    help: ArgumentHelp(
      "'text' or 'json' (one object per line); overrides log.format.", valueName: "format"),
    transform: { text in
      guard let format = LogFormat(rawValue: text) else { throw ValidationError("--log-format is 'text' or 'json'") }
      return format
    })
  var logFormat: LogFormat?

  func run() async throws {
    let run = ServiceRun.begin(label: "garterd", hangUp: .isReported)
    let log = LogWriter.standardError
    if let format = self.logFormat { log.configure(label: "garterd", format: format) }
    let reading = self.file.read()
    var configuration = reading.configuration
    log.configure(label: "garterd", format: self.logFormat ?? configuration.log.format)
    reading.sayWarnings()
    self.file.placeReplayCache(&configuration)
    let served = KerberosFiles(configuration.kerberos, createsReplayCache: true).report()
    FreedMemory.keepForReuse()
    // Each session needs two descriptors.
    _ = try? DescriptorLimit.raise()
    let logger = log.makeLogger(label: "garterd", level: self.logLevel)
    let server = ProxyServer(
      configuration: configuration, served: escaped(served.text, limit: 2_000), logger: logger,
      restrictions: self.restrictions()
    ) { _ in run.isReady() }
    do {
      try await run.run(server, drain: configuration.timeouts.drain)
      endProcess(status: 0)
    } catch let error as SOCKSError {
      self.fail(escaped(error.detail, limit: 2_000), .configuration)
    } catch let error as ConfigurationError {
      log.say("\(error)", level: .critical, withLabel: false)
      endProcess(status: ExitStatus.configuration.rawValue)
    } catch let error as ListenError {
      self.fail("\(error)", .unavailable)
    } catch {
      self.fail("\(error)", .software)
    }
  }

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
    LogWriter.standardError.say(message, level: .critical)
    endProcess(status: status.rawValue)
  }
}
