import FoundationEssentials
import Glibc
import Platform
import Testing

/// Files that hold secrets, in a folder of the test's own.
@Suite struct SecretFileTests {
  struct Refusal: Error {}

  static func withFolder(_ body: (String) throws -> Void) throws {
    let path = "\(FileManager.default.temporaryDirectory.path)/garter-secret-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  static func mode(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
  }

  static func make(_ path: String, _ text: String, mode: Int) throws {
    try Data(text.utf8).write(to: URL(filePath: path))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  @Test(arguments: [0o600, 0o400, 0o640, 0o440, 0o700])
  func readsWhatOthersCannot(mode: Int) throws {
    try Self.withFolder { folder in
      try Self.make("\(folder)/f", "secret", mode: mode)
      #expect(try SecretFile.read(path: "\(folder)/f", limit: 100).contents == Array("secret".utf8))
    }
  }

  @Test(arguments: [0o644, 0o604, 0o602, 0o601, 0o620, 0o660, 0o666, 0o777])
  func refusesWhatOthersCan(mode: Int) throws {
    try Self.withFolder { folder in
      try Self.make("\(folder)/f", "secret", mode: mode)
      let error = #expect(throws: FileReadError.self) { try SecretFile.read(path: "\(folder)/f", limit: 100) }
      #expect(error?.reason.contains("mode \(String(mode, radix: 8))") == true)
      #expect(error?.advice.contains("chmod 600") == true)
      #expect(throws: FileReadError.self) { try SecretFile.update(path: "\(folder)/f", limit: 100) { _ in [0x78] } }
      #expect(try Data(contentsOf: URL(filePath: "\(folder)/f")) == Data("secret".utf8))
    }
  }

  @Test func refusesWhatIsNoFile() throws {
    try Self.withFolder { folder in
      #expect(throws: FileReadError.self) { try SecretFile.read(path: folder, limit: 100) }
      #expect(throws: FileReadError.self) { try SecretFile.read(path: "/dev/null", limit: 100) }
      #expect(throws: FileReadError.self) { try SecretFile.read(path: "", limit: 100) }
      #expect(throws: FileReadError.self) { try SecretFile.read(path: "\(folder)/none", limit: 100) }
      try Self.make("\(folder)/f", "12345", mode: 0o600)
      #expect(throws: FileReadError.self) { try SecretFile.read(path: "\(folder)/f", limit: 4) }
      #expect(try SecretFile.read(path: "\(folder)/f", limit: 5).contents.count == 5)
    }
  }

  /// A pipe would hold the gateway up, or look like a file without users.
  @Test func refusesAPipe() throws {
    try Self.withFolder { folder in
      let isMade = unsafe mkfifo("\(folder)/f", 0o600) == 0
      #expect(isMade)
      let error = #expect(throws: FileReadError.self) { try SecretFile.read(path: "\(folder)/f", limit: 100) }
      #expect(error?.reason == "it is no ordinary file")
    }
  }

  @Test func aNewFileIsForItsOwner() throws {
    try Self.withFolder { folder in
      try SecretFile.update(path: "\(folder)/f", limit: 100) { old in
        #expect(old == nil)
        return Array("new".utf8)
      }
      #expect(try Self.mode("\(folder)/f") == 0o600)
      #expect(try SecretFile.read(path: "\(folder)/f", limit: 100).contents == Array("new".utf8))
      // Nothing else is left in the folder.
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["f"])
    }
  }

  @Test func aChangeKeepsTheModeAndIsNoticed() throws {
    try Self.withFolder { folder in
      try Self.make("\(folder)/f", "old", mode: 0o640)
      let before = SecretFile.version(path: "\(folder)/f")
      #expect(before != nil)
      #expect(before == (try SecretFile.read(path: "\(folder)/f", limit: 100).version))
      try SecretFile.update(path: "\(folder)/f", limit: 100) { old in
        #expect(old == Array("old".utf8))
        return Array("new".utf8)
      }
      #expect(try Self.mode("\(folder)/f") == 0o640)
      #expect(SecretFile.version(path: "\(folder)/f") != before)
      #expect(SecretFile.version(path: "\(folder)/none") == nil)
    }
  }

  /// What the old one is reached by otherwise stays as it was: at no time is there half a file.
  @Test func aChangeMakesANewFile() throws {
    try Self.withFolder { folder in
      try Self.make("\(folder)/f", "old", mode: 0o600)
      try FileManager.default.linkItem(atPath: "\(folder)/f", toPath: "\(folder)/held")
      try SecretFile.update(path: "\(folder)/f", limit: 100) { _ in Array("new".utf8) }
      #expect(try SecretFile.read(path: "\(folder)/held", limit: 100).contents == Array("old".utf8))
    }
  }

  /// Octets in the same place, as many as before, and a time that somebody has set back.
  @Test func aChangeThatHidesItsTimeIsNoticed() throws {
    try Self.withFolder { folder in
      try Self.make("\(folder)/f", "old", mode: 0o600)
      let time = Date(timeIntervalSince1970: 1_000_000_000)
      try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: "\(folder)/f")
      let before = SecretFile.version(path: "\(folder)/f")
      try Data("abc".utf8).write(to: URL(filePath: "\(folder)/f"))
      try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: "\(folder)/f")
      #expect(SecretFile.version(path: "\(folder)/f") != before)
    }
  }

  /// What was written is not left behind when it cannot take the old file's place.
  @Test func aReplacementThatFailsLeavesNothing() throws {
    try Self.withFolder { folder in
      try Self.make("\(folder)/f", "old", mode: 0o600)
      #expect(throws: FileReadError.self) {
        try SecretFile.update(path: "\(folder)/f", limit: 100) { _ in
          try FileManager.default.removeItem(atPath: "\(folder)/f")
          try FileManager.default.createDirectory(atPath: "\(folder)/f", withIntermediateDirectories: false)
          return Array("new".utf8)
        }
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["f"])
    }
  }

  @Test func aChangeThatFailsChangesNothing() throws {
    try Self.withFolder { folder in
      try Self.make("\(folder)/f", "old", mode: 0o600)
      let before = SecretFile.version(path: "\(folder)/f")
      #expect(throws: Refusal.self) { try SecretFile.update(path: "\(folder)/f", limit: 100) { _ in throw Refusal() } }
      #expect(SecretFile.version(path: "\(folder)/f") == before)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["f"])
    }
  }

  @Test func oneChangeAtATime() throws {
    try Self.withFolder { folder in
      try SecretFile.update(path: "\(folder)/f", limit: 100) { _ in
        let error = #expect(throws: FileReadError.self) {
          try SecretFile.update(path: "\(folder)/f", limit: 100) { _ in [] }
        }
        #expect(error?.reason == "another process is changing it")
        return [0x31]
      }
      try SecretFile.update(path: "\(folder)/f", limit: 100) { $0.map { $0 + [0x32] } ?? [] }
      #expect(try SecretFile.read(path: "\(folder)/f", limit: 100).contents == [0x31, 0x32])
    }
  }

  /// A link stays one, and what it names is replaced.
  @Test func aLinkIsFollowed() throws {
    try Self.withFolder { folder in
      try FileManager.default.createDirectory(atPath: "\(folder)/there", withIntermediateDirectories: true)
      try Self.make("\(folder)/there/f", "old", mode: 0o600)
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder)/link", withDestinationPath: "\(folder)/there/f")
      try SecretFile.update(path: "\(folder)/link", limit: 100) { _ in [0x6e] }
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/link") == "\(folder)/there/f")
      #expect(try SecretFile.read(path: "\(folder)/there/f", limit: 100).contents == [0x6e])
    }
  }
}
