import ArgumentParser
import GSSAPI
import Logging
import Platform
import SOCKSCore
import SOCKSServer

/// The configuration file that `run` and `check` are given.
struct ConfigurationFile: ParsableArguments {
  @Option(name: .shortAndLong, help: ArgumentHelp("The configuration, a YAML file.", valueName: "file"))
  var config: String

  /// Reads it. Ends the process with a message where it cannot be used.
  func read() -> Configuration.Reading {
    do throws(ConfigurationError) {
      return try Configuration.load(path: self.config)
    } catch {
      LogWriter.standardError.say("\(error)", level: .critical, withLabel: false)
      endProcess(status: ExitStatus.configuration.rawValue)
    }
  }

  /// The number of users in the password file, if there is one. Ends the process where it cannot be used.
  func readPasswords(_ passwords: Configuration.Passwords?) -> Int? {
    guard let passwords else { return nil }
    do throws(ConfigurationError) {
      return try PasswordFile.countUsers(path: passwords.file)
    } catch {
      LogWriter.standardError.say("\(error)", level: .critical, withLabel: false)
      endProcess(status: ExitStatus.configuration.rawValue)
    }
  }
}

extension Configuration.Reading {
  /// Says what is doubtful.
  func sayWarnings() {
    for warning in self.warnings { LogWriter.standardError.say("warning: \(warning)", level: .warning) }
  }
}

/// The exit status of the daemon, after sysexits.h.
enum ExitStatus: Int32 {
  case unavailable = 69
  case software = 70
  case configuration = 78
}

/// The principals of a keytab that a gateway serves.
struct ServedPrincipals {
  /// Each once, in the keytab's order.
  let names: [String]

  /// - Throws: a ``GSSError`` when the keytab cannot be read.
  init(of configuration: Configuration.Kerberos) throws(GSSError) {
    var names: [String] = []
    for entry in try KerberosKeytab.entries(of: configuration.keytab) where !names.contains(entry.principal) {
      let service = entry.principal.prefix { $0 != "/" && $0 != "@" }
      if configuration.services.contains(String(service)) { names.append(entry.principal) }
    }
    self.names = names
  }

  /// For a line of log or a message.
  var text: String { self.names.map { escaped($0) }.joined(separator: " ") }

  /// Reads them, or ends the process with a message that says what is wrong with the keytab.
  static func read(_ configuration: Configuration.Kerberos) -> ServedPrincipals {
    do throws(GSSError) {
      let served = try ServedPrincipals(of: configuration)
      guard !served.names.isEmpty else {
        Self.fail(
          "the keytab \(configuration.keytab) has no key for \(configuration.services.joined(separator: "/… or "))/…: "
            + "add one with ktadd, or name its service under kerberos.services")
      }
      return served
    } catch {
      Self.fail(
        "the keytab \(configuration.keytab) cannot be read: \(escaped(error.description)) "
          + "(it must exist and be readable by this user)")
    }
  }

  private static func fail(_ message: String) -> Never {
    LogWriter.standardError.say(message, level: .critical)
    endProcess(status: ExitStatus.configuration.rawValue)
  }
}
