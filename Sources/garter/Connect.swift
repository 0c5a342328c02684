import ArgumentParser
import Logging
import NIOPosix
import Platform
import SOCKSClient
import SOCKSCore
import SOCKSGSSAPI

struct Connect: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Connect standard input and output to a target, as nc does.",
    discussion: """
      End of input is passed on to the target, and reading continues until the target closes its side. Only data is \
      written to standard output.

      Examples:
        ssh -o ProxyCommand='garter connect --gateway gw.example.com:1080 %h %p' host.example.com
        printf 'GET / HTTP/1.0\\r\\n\\r\\n' | garter connect --gateway gw.example.com:1080 www.example.com 80

      In ~/.ssh/config:
        Host *.inside.example.com
          ProxyCommand garter connect --gateway gw.example.com:1080 %h %p

      Exit status: 0 both streams ended; 64 usage error; 68 the gateway's name is unknown; 69 the gateway or the target \
      cannot be reached; 74 the session ended prematurely; 75 no answer in time, try again; 76 the gateway violates \
      the protocol or does not agree to the requested protection; 77 no ticket, or refused.
      """)

  @OptionGroup var gatewayOptions: GatewayOptions

  @Flag(name: .shortAndLong, help: "Print nothing on standard error; see the exit status.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "Print on standard error what was negotiated with the gateway.")
  var verbose = false

  @OptionGroup var destination: TargetArguments

  func validate() throws {
    guard !self.quiet || !self.verbose else { throw ValidationError("--quiet and --verbose exclude each other") }
  }

  func run() async throws {
    ProgramSignals.useDefaults()
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let pool = StepPool(threads: 1, limit: 1)
    let connector = ProxyConnector(
      try self.gatewayOptions.configuration(), pool: pool, tokens: self.gatewayOptions.tokens, group: group)
    let verbose = self.verbose
    let session = StandardStreamSession(connector: connector, eventLoop: group.next()) { proxied in
      if verbose { LogWriter.standardError.say("connected, \(proxied.summary)") }
    }
    let target = try self.destination.address()
    do {
      try await session.run(to: target)
      self.end(.success)
    } catch let error as ProxyConnectorError {
      if verbose, !self.quiet, let agreed = error.agreed { LogWriter.standardError.say("established, \(agreed)") }
      self.end(error.programStatus, "\(error)")
    } catch {
      self.end(.inputOutput, "\(error)")
    }
  }

  private func end(_ status: ProgramStatus, _ text: String? = nil) -> Never {
    if let text, !self.quiet { LogWriter.standardError.say(text, level: .error) }
    endProcess(status: status.rawValue)
  }
}
