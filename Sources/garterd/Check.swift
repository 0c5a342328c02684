import ArgumentParser
import GSSAPI
import Logging
import Platform
import SOCKSCore
import SOCKSGSSAPI
import SOCKSServer

struct Check: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check the configuration, the keytab and krb5.conf, and report every problem.",
    discussion: """
      Finds what would keep the gateway from starting. Opens no socket, and leaves no file behind. Files are opened \
      as the current user, or with --user as the user that the gateway runs as.
      """)

  @OptionGroup var file: ConfigurationFile

  @Option(help: ArgumentHelp("Check as this user; requires root.", valueName: "name"))
  var user: String?

  func run() async throws {
    ProgramSignals.useDefaults()
    if let user = self.user { self.become(user) }
    let reading = self.file.read()
    reading.sayWarnings()
    var configuration = reading.configuration
    self.file.placeReplayCache(&configuration)
    let served = KerberosFiles(configuration.kerberos, createsReplayCache: false).report()
    let users = self.file.readPasswords(configuration.passwords)
    let hosts = (try? FileContents.read(path: "/etc/hosts", limit: 1 << 20)) ?? []
    let doubts = KeyWarnings(
      served, configuration: configuration, hostName: hostName, hosts: String(decoding: hosts, as: UTF8.self))
    for warning in doubts.all { LogWriter.standardError.say("warning: \(warning)", level: .warning) }
    writeLine(
      """
      \(self.file.config) is in order
        looked as    \(ProcessUser.description)
        listens on   \(configuration.listen.map(\.description).joined(separator: "\n               "))
        serves       \(Self.lines(served).joined(separator: "\n               "))
        levels       \(configuration.kerberos.levels.map(\.description).joined(separator: " "))
        passwords    \(users.map { "\($0) users" } ?? "none")
        connections  at most \(configuration.limits.connections), for which the service needs \
      \(configuration.descriptorsNeeded) open files (LimitNOFILE)
        rules        \(configuration.rules.count)
      """, to: .output)
  }

  /// Each principal with its keys, the newest version first.
  private static func lines(_ served: ServedPrincipals) -> [String] {
    served.principals.map { principal in
      let versions = Set(principal.keys.map(\.version)).sorted(by: >).map { version in
        let names = principal.keys.filter { $0.version == version }.map(\.encryptionTypeName)
        return "version \(version): \(names.joined(separator: " "))"
      }
      return "\(escaped(principal.server.description)) (\(versions.joined(separator: "; ")))"
    }
  }

  private func become(_ user: String) {
    do throws(ProcessUserError) {
      try ProcessUser.become(user)
    } catch {
      writeLine("garterd: \(error)", to: .errorOutput)
      endProcess(status: ExitStatus.usage.rawValue)
    }
  }
}
