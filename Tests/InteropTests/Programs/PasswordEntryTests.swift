import Testing

extension ProgramTests {
  /// `garterd passwd` on a terminal.
  @Suite struct PasswordEntryTests {
    /// What ``typed.py`` has seen.
    struct Seen {
      let result: JSONValue

      var shown: String { self.result["shown"]?.text ?? "" }
      var status: Int? { self.result["status"]?.integer }
      /// The terminal echoed nothing at any prompt, and is as before afterwards.
      var isSilent: Bool {
        self.result["restored"]?.boolean == true
          && self.result["silent"]?.list?.allSatisfy { $0.boolean == true } == true
      }
    }

    static func type(_ folder: Folder, _ typed: String..., arguments: [String] = ["alice"]) async throws -> Seen {
      let ended = try await Script(
        text: #"exec "$@""#,
        arguments: Programs.peer("typed.py") + ["--file", folder.file("passwords")]
          + typed.flatMap { ["--type", $0] }
          + ["--", try Programs.garterd(), "passwd", "--file", folder.file("passwords")] + arguments
      ).succeed()
      return Seen(result: try JSONValue(parsing: ended.text))
    }

    /// Name and mode of every file in the folder.
    static func listing(_ folder: Folder) async throws -> String {
      try await Script(text: #"cd "$1" && find . -type f -printf '%P %m\n'"#, arguments: [folder.path]).succeed().text
    }

    static func contents(_ folder: Folder) async throws -> String {
      try await Script(text: #"cat "$1""#, arguments: [folder.file("passwords")]).succeed().text
    }

    @Test(.timeLimit(.minutes(1))) func asksTwiceAndShowsNothing() async throws {
      try await Folder.lend { folder in
        let seen = try await Self.type(folder, #"secret\r"#, #"secret\r"#)
        // `|` is where something was typed.
        #expect(seen.shown == "password of alice: |\r\nonce more: |\r\n", "\(seen)")
        #expect(seen.status == 0 && seen.isSilent, "\(seen)")
        // For its owner alone, whatever the mask, and with nothing left beside it.
        #expect(try await Self.listing(folder) == "passwords 600\n")
        #expect(try await Self.contents(folder).hasPrefix("alice:$7$"))
      }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [("SIGTERM", 15), ("SIGHUP", 1), ("SIGINT", 2), ("SIGQUIT", 3)])
    func aSignalAtThePromptLeavesTheTerminalAsItWas(name: String, number: Int) async throws {
      try await Folder.lend { folder in
        let seen = try await Self.type(folder, "signal:\(name)")
        #expect(seen.status == -number && seen.isSilent, "\(seen)")
        #expect(try await Self.listing(folder) == "")
      }
    }

    @Test(.timeLimit(.minutes(1))) func aChangePutsANewFileInTheOldOnesPlace() async throws {
      try await Folder.lend { folder in
        _ = try await Self.type(folder, #"secret\r"#, #"secret\r"#)
        let old = try await Self.contents(folder)
        // The keys that edit a line do; both spellings of its end count.
        let seen = try await Self.type(folder, #"junk\x15anotherx\xe4\x7f\x7f\r"#, #"another\n"#)
        #expect(seen.status == 0 && seen.isSilent, "\(seen)")
        // Who has the old file open reads it to its end.
        #expect(seen.result["held"]?.text == old && seen.result["replaced"]?.boolean == true, "\(seen)")
        #expect(try await Self.contents(folder) != old)
        #expect(try await Self.listing(folder) == "passwords 600\n")
      }
    }

    @Test(
      .timeLimit(.minutes(1)),
      arguments: [
        (["first\\r", "second\\r"], "the two are not the same"), (["first\\r", "\\x03"], "the two are not the same"),
        (["fir\\x03"], "no password was given"), (["\\x04"], "no password was given"),
        (["\\r", "\\r"], "1 to 255 bytes"),
        (["a\\x00b\\r", "a\\x00b\\r"], "none of them NUL"),
      ])
    func whatIsNotAPasswordChangesNothing(typed: [String], complaint: String) async throws {
      try await Folder.lend { folder in
        _ = try await Self.type(folder, #"secret\r"#, #"secret\r"#)
        let old = try await Self.contents(folder)
        let seen =
          typed.count == 1
          ? try await Self.type(folder, typed[0]) : try await Self.type(folder, typed[0], typed[1])
        #expect(seen.status == 1 && seen.isSilent && seen.shown.contains(complaint), "\(seen)")
        #expect(!seen.shown.contains("first") && !seen.shown.contains("second"), "\(seen)")
        #expect(seen.result["replaced"]?.boolean == false)
        #expect(try await Self.contents(folder) == old)
        #expect(try await Self.listing(folder) == "passwords 600\n")
      }
    }
  }
}
