import ArgumentParser
import Platform
import SOCKSServer

struct Passwd: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Add, change or delete a user in a password file.",
    discussion: """
      On a terminal the password is asked for twice; otherwise one line of standard input is read. The file is \
      replaced atomically and keeps its comments, order, owner and mode; a new file is readable by its owner only. A \
      running gateway uses the change at the next login.

      The file has lines NAME:HASH, with hashes in the scrypt format of crypt(3), as written by mkpasswd -m scrypt.
      """)

  @Option(name: .shortAndLong, help: ArgumentHelp("The password file.", valueName: "file"))
  var file: String

  @Flag(help: "Delete the user.")
  var delete = false

  @Argument(help: "The user's name.")
  var name: String

  func run() throws {
    ProgramSignals.useDefaults()
    let name: UserName
    do throws(ValueError) {
      name = try PasswordFile.name(self.name)
    } catch {
      throw ValidationError("\(error)")
    }
    // Before the file is locked: a person takes time.
    let password = self.delete ? nil : self.askForPassword()
    do {
      try SecretFile.update(path: self.file, limit: PasswordFile.maximumOctets) { octets in
        var passwords = try octets.map { try PasswordFile(octets: $0, sourceName: self.file) } ?? PasswordFile()
        if let password {
          try passwords.set(name, password: password)
        } else if !passwords.remove(name) {
          throw ValueError("\(self.file) has no user \(name)")
        }
        return passwords.octets
      }
    } catch {
      self.fail("\(error)")
    }
  }

  private func askForPassword() -> [UInt8] {
    do {
      let isTerminal = StandardStream.input.isTerminal
      guard let password = try SecretInput.readLine(prompt: "password of \(self.name): ") else {
        self.fail("no password was given; nothing has changed")
      }
      if isTerminal, try SecretInput.readLine(prompt: "once more: ") != password {
        self.fail("the two are not the same; nothing has changed")
      }
      return password
    } catch {
      self.fail("the password cannot be read: \(error)")
    }
  }

  private func fail(_ message: String) -> Never {
    writeLine("garterd: \(message)", to: .errorOutput)
    endProcess(status: 1)
  }
}
