import ArgumentParser
import GSSAPI
import Platform
import ProxySession

@main
struct Garter: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "garter",
    abstract: "Use a Kerberos-protected SOCKS gateway (RFC 1961) from any program.",
    discussion: """
      garter authenticates to the gateway with your Kerberos ticket (kinit, klist), and protects everything between \
      this machine and the gateway.

      Examples:
        garter bridge --gateway gw.example.com:1080
            then: curl -x socks5h://127.0.0.1:1080 https://intranet.example.com/
        ssh -o ProxyCommand='garter connect --gateway gw.example.com:1080 %h %p' host.example.com
        garter udp --gateway gw.example.com:1080 --listen 127.0.0.1:5353 10.0.0.53 53
            then: dig @127.0.0.1 -p 5353 www.example.com
      """,
    version: GarterVersion.text,
    subcommands: [Connect.self, Bridge.self, UDP.self])

  static func main() async {
    await ProgramMain.run(label: "garter") {
      KerberosEnvironment.watchConfiguration()
      FreedMemory.keepForReuse()
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
