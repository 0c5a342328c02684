import Foundation
import Testing
import ThrowawayRealm

@Suite struct KerberosRealmTests {
  /// Children inherit the environment: none may start while this process is still adopting its own.
  init() async throws {
    _ = try await KerberosFixture.ready()
  }

  @Test func stoppingRemovesEverything() async throws {
    let (folder, port) = try await KerberosRealm.withRealm { realm in
      try await realm.addPrincipal("user", password: "open sesame")
      try await realm.obtainTicket(for: "user", password: "open sesame", cache: "FILE:\(realm.folder)/user.ccache")
      let listed = try await realm.run(["klist", "-c", "FILE:\(realm.folder)/user.ccache"])
      #expect(listed.contains("krbtgt/\(realm.name)@\(realm.name)"))
      return (realm.folder, realm.port)
    }
    #expect(!FileManager.default.fileExists(atPath: folder))
    let sockets = try String(contentsOfFile: "/proc/net/tcp", encoding: .utf8)
    let place = ":" + String(format: "%04X", port) + " 00000000:0000 0A"
    #expect(!sockets.contains(place), "the centre still listens")
  }

  @Test func failuresSayWhichCommandFailedAndWhy() async throws {
    try await KerberosRealm.withRealm { realm in
      let error = try #require(
        await #expect(throws: KerberosRealmError.self) {
          try await realm.obtainTicket(for: "nobody", password: "x", cache: "FILE:\(realm.folder)/x.ccache")
        })
      #expect(error.command.first == "kinit" && error.diagnostics.contains("nobody@\(realm.name)"), "\(error)")
      try await realm.addPrincipal("twice")
      await #expect(throws: KerberosRealmError.self) { try await realm.addPrincipal("twice") }
    }
  }

  @Test func twoRealmsLiveSideBySide() async throws {
    try await KerberosRealm.withRealm { one in
      try await KerberosRealm.withRealm { other in
        #expect(one.port != other.port && one.folder != other.folder)
        try await other.addPrincipal("user", password: "p")
        try await other.obtainTicket(for: "user", password: "p", cache: "FILE:\(other.folder)/c")
      }
    }
  }
}
