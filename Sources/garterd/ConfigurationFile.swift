import ArgumentParser
import Logging
import Platform
import SOCKSCore
import SOCKSServer

/// The configuration file that `run` and `check` are given.
struct ConfigurationFile: ParsableArguments {
  @Option(name: .shortAndLong, help: ArgumentHelp("The configuration file (YAML).", valueName: "file"))
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

  /// Says where the replay cache is, if the file does not. Ends the process where the environment cannot be used.
  func placeReplayCache(_ configuration: inout Configuration) {
    do throws(ServedFileError) {
      try configuration.kerberos.placeReplayCache()
    } catch {
      writeLine("garterd: \(error.text)", to: .errorOutput)
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
  case usage = 64
  case unavailable = 69
  case software = 70
  case configuration = 78
}
