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

      Exit status: 0 stopped as asked, 64 wrong usage, 69 an address cannot be listened on, 70 a slip of the program, \
      78 the configuration or the keytab cannot be used.
      """,
    version: "0.1.0",
    subcommands: [Run.self, Check.self, Passwd.self, Demo.self])

  static func main() async {
    KerberosEnvironment.watchConfiguration()
    // A reader that goes away is an error to report, not a reason to be killed.
    ignoreBrokenPipes()
    await self.main(nil)
  }
}
