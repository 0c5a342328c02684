import FoundationEssentials
import ThrowawayRealm

/// Heimdal as the tests find it: `dev/unpack-heimdal` for the KDC, and our programs in C on its library, compiled once.
enum HeimdalPeers {
  /// The KDC's packages, unpacked.
  static func centre() throws -> KerberosRealmConfiguration.Implementation {
    let root = "\(Programs.root)/.build/heimdal"
    guard FileManager.default.fileExists(atPath: "\(root)/usr/lib/heimdal-servers/kdc") else {
      throw MissingHeimdalError(root: root)
    }
    return .heimdal(root: root)
  }

  static func client() async throws -> String { "\(try await compiling.value)/client" }

  static func server() async throws -> String { "\(try await compiling.value)/server" }

  private static let compiling = Task { try await compile() }

  /// The folder of both.
  private static func compile() async throws -> String {
    let folder = try await Folder.make().path
    try await Script(
      text: """
        set -eu
        cd "$1"
        for program in client server; do
          cc -std=gnu11 -O1 -Wall -Wextra -Wconversion -Werror -o "$2/$program" "$program.c" peer.c \
            $(krb5-config.heimdal --cflags --libs gssapi)
        done
        """, arguments: ["\(Programs.folder)/Peers/heimdal", folder]
    ).succeed()
    return folder
  }

  /// Runs the client of `Peers/heimdal` against a gateway, with a target that echoes; returns what it says.
  static func runClient(
    gateway: String, protection: HeimdalTests.Protection, transport: HeimdalTests.Transport,
    environment: [String: String?]
  ) async throws -> JSONValue {
    let mode = transport == .tcp ? "echo" : "datagrams"
    return try await ListeningChild.origin(mode) { origin in
      let ending = try await Script(
        text: #"exec "$@""#,
        arguments: [
          try await client(), "socks@localhost", String(gateway.drop { $0 != ":" }.dropFirst()), "\(protection.level)",
          protection.word, transport.rawValue, "\(origin.port)",
        ], environment: environment
      ).succeed()
      return try JSONValue(parsing: ending.text)
    }
  }

  /// Lends the server of `Peers/heimdal`.
  static func runServer<Result>(
    sealing word: String, environment: [String: String?], _ body: (ListeningChild) async throws -> Result
  ) async throws -> Result {
    let child = try await Child.start([try await server(), "socks@localhost", word], environment: environment)
    do {
      guard let line = try await child.output.next(within: .seconds(20)),
        let port = try JSONValue(parsing: line)["listening"]?.integer
      else { throw PeerError(account: await child.account) }
      let result = try await body(ListeningChild(child: child, port: port))
      await child.abandon()
      return result
    } catch {
      await child.abandon()
      throw error
    }
  }
}

/// Heimdal's KDC has not been unpacked.
struct MissingHeimdalError: Error, CustomStringConvertible {
  let root: String

  var description: String { "there is no Heimdal in \(root): run dev/unpack-heimdal" }
}
