import GSSAPI
import Logging
import Platform
import SOCKSCore
import SOCKSGSSAPI
import SOCKSServer

/// The files that authentication needs, looked at before anybody can connect: the library's configuration, the keytab,
/// the replay cache.
struct KerberosFiles {
  /// What the gateway cannot start with.
  private(set) var problems: [String] = []
  private(set) var warnings: [String] = []
  /// Nil where the keytab cannot be read.
  private(set) var served: ServedPrincipals?

  /// - Parameter createsReplayCache: for the gateway itself; otherwise nothing is left behind.
  init(_ kerberos: Configuration.Kerberos, createsReplayCache: Bool) {
    if let problem = KerberosEnvironment.configurationProblem() {
      // The keytab is read through the library, which would only say this again.
      self.problems.append(Self.text(SOCKSError(configuration: problem)))
    } else {
      self.readKeytab(kerberos)
    }
    if let path = kerberos.replayCache { self.openReplayCache(path, creates: createsReplayCache) }
  }

  private mutating func readKeytab(_ kerberos: Configuration.Kerberos) {
    do throws(GSSError) {
      let file = try KeytabFile.status(of: kerberos.keytab)
      let served = ServedPrincipals(
        entries: try KerberosKeytab.entries(of: kerberos.keytab), services: kerberos.services)
      guard !served.principals.isEmpty else {
        self.problems.append(
          "the keytab \(kerberos.keytab) has no key for \(kerberos.services.joined(separator: "/… or "))/…: "
            + "add one with ktadd, or name its service under kerberos.services")
        return
      }
      if let file { self.judge(file, kerberos.keytab) }
      self.served = served
    } catch {
      // ENOENT, EACCES
      let isOutOfReach = error.systemErrorNumber.map { [2, 13].contains($0) } ?? false
      let advice = isOutOfReach ? " (it must exist and be readable by \(ProcessUser.description))" : ""
      self.problems.append(Self.text(SOCKSError(readingKeytab: kerberos.keytab, error)) + advice)
    }
  }

  private mutating func judge(_ file: KeytabFile, _ keytab: String) {
    if file.isWritableByOthers {
      self.problems.append(file.writableText(keytab))
    } else if file.isReadableByOthers {
      self.warnings.append(
        "every user of this machine may read the keytab \(keytab) (mode \(file.mode)), and anyone who reads it can impersonate "
          + "this gateway; remove that permission: chmod o-r")
    }
  }

  private mutating func openReplayCache(_ path: String, creates: Bool) {
    do throws(FileReadError) {
      if creates { try WritableFile.open(path) } else { try WritableFile.probe(path) }
    } catch {
      self.problems.append("the replay cache \(path) cannot be used: \(escaped(error.reason)) (\(error.advice))")
    }
  }

  private static func text(_ error: SOCKSError) -> String { escaped(error.detail, limit: 2_000) }
}

extension KerberosFiles {
  /// Writes warnings and problems to standard error, and ends the process if there are problems.
  func report() -> ServedPrincipals {
    for warning in self.warnings { LogWriter.standardError.say("warning: \(warning)", level: .warning) }
    for problem in self.problems { LogWriter.standardError.say("\(problem)", level: .critical) }
    guard self.problems.isEmpty, let served = self.served else {
      endProcess(status: ExitStatus.configuration.rawValue)
    }
    return served
  }
}

extension Configuration.Kerberos {
  /// Puts the replay cache where systemd lets the service write; the library's own choice would be a file in /var/tmp.
  ///
  /// - Throws: what is wrong with `STATE_DIRECTORY`.
  mutating func placeReplayCache() throws(ServedFileError) {
    guard self.replayCache == nil, let setting = Environment.get("STATE_DIRECTORY") else { return }
    // "If multiple directories are set, then in the environment variable the paths are concatenated with colon" (systemd.exec).
    guard let folder = setting.split(separator: ":").first else { return }
    guard folder.hasPrefix("/") else {
      throw ServedFileError("STATE_DIRECTORY is \(quotedWord(setting)), which is no absolute path")
    }
    self.replayCache = "\(folder)/replay"
  }

  private func quotedWord(_ text: String) -> String { "\"\(escaped(text))\"" }
}

/// A file that is named in the environment cannot be one.
struct ServedFileError: Error {
  let text: String

  init(_ text: String) { self.text = text }
}
