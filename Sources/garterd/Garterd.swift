import ArgumentParser
import GSSAPI
import ProxySession

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

      Exit status: 0 stopped by a signal, 64 usage error, 69 cannot listen on an address, 70 internal error, 78 the \
      configuration or the keytab cannot be used.
      """,
    version: GarterVersion.text,
    subcommands: [Run.self, Check.self, Passwd.self, Demo.self])

  static func main() async {
    await ProgramMain.run(label: "garterd") {
      KerberosEnvironment.watchConfiguration()
      var command = try await self.asyncParseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } failed: { error in
      self.exit(withError: error)
    }
  }
}
