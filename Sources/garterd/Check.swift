import ArgumentParser
import Platform
import SOCKSCore
import SOCKSServer

struct Check: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Read the configuration and the keytab, say what is wrong with them, and end. Opens no socket.")

  @OptionGroup var file: ConfigurationFile

  func run() async throws {
    ProgramSignals.useDefaults()
    let reading = self.file.read()
    reading.sayWarnings()
    let configuration = reading.configuration
    let served = ServedPrincipals.read(configuration.kerberos)
    let users = self.file.readPasswords(configuration.passwords)
    writeLine(
      """
      \(self.file.config) is in order
        listens on   \(configuration.listen.map(\.description).joined(separator: "\n               "))
        serves       \(served.text)
        levels       \(configuration.kerberos.levels.map(\.description).joined(separator: " "))
        passwords    \(users.map { "\($0) users" } ?? "none")
        connections  at most \(configuration.limits.connections), for which the service needs \
      \(configuration.descriptorsNeeded) open files (LimitNOFILE)
        rules        \(configuration.rules.count)
      """, to: .output)
  }
}
