import ArgumentParser
import GSSAPI
import Platform

@main
struct Garterd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "garterd",
    abstract: "A SOCKS5 gateway that authenticates with Kerberos and protects every message (RFC 1961).",
    discussion: """
      Examples:
        garterd demo
        garterd check --config /etc/garter/garterd.yaml
        garterd run --config /etc/garter/garterd.yaml
        garterd passwd --file /etc/garter/passwords alice

      Exit status: 0 stopped as asked, 64 wrong usage, 69 an address cannot be listened on, 70 an internal error, \
      78 the configuration or the keytab cannot be used.
      """,
    version: "0.1.0",
    subcommands: [Run.self, Check.self, Passwd.self, Demo.self])

  static func main() async {
    StandardStream.occupyMissing()
    ProgramSignals.hold()
    LogWriter.standardError.configure(label: "garterd", format: .text)
    KerberosEnvironment.watchConfiguration()
    // A reader that goes away is an error to report, not a reason to be killed.
    ignoreBrokenPipes()
    do {
      var command = try await self.asyncParseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      // What is said now may wait for its reader: the user can end that.
      ProgramSignals.useDefaults()
      LogWriter.standardError.flush()
      self.exit(withError: error)
    }
    endProcess(status: 0)
  }
}
