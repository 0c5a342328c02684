import FoundationEssentials
import Subprocess
import Testing

extension ProgramTests {
  /// QUIC through the gateway, which finds out by itself how large its datagrams may be.
  @Suite struct QUICTests {
    private static let rules = [
      #"{allow: [connect, associate], principals: ["alice@GARTER.TEST"], to: [127.0.0.0/8, "::1", localhost]}"#
    ]

    /// HTTP/3: a page of a megabyte from ngtcp2's server by its client.
    @Test(.timeLimit(.minutes(1)), arguments: [1, 2])
    func aPageByHTTP3(level: Int) async throws {
      try await Targets.run { targets in
        let folder = targets.folder
        let sum = try await folder.makeRandom("large", octets: 1_000_000)
        let port = try await FreePort.find()
        let server = try await Child.start([
          "gtlsserver", "--quiet", "-d", folder.path, "127.0.0.1", "\(port)", folder.file("key"),
          folder.file("certificate"),
        ])
        do {
          try await Gateway.run(GatewayConfiguration(rules: Self.rules)) { gateway in
            try await ForwardedPort.run(gateway: gateway.address, target: ["127.0.0.1", "\(port)"], level: level) {
              udp in
              let ending = try await Script(
                text: """
                  mkdir -p "$2/download"
                  exec gtlsclient --quiet --exit-on-all-streams-close --download "$2/download" 127.0.0.1 "$1" \
                    "https://localhost:$1/large"
                  """, arguments: [udp.port, folder.path], seconds: 40
              ).run()
              #expect(ending.status == .exited(0), "\(ending)")
              #expect(try await folder.sha256("download/large") == sum, "\(ending)")
            }
            let record = try #require(try await gateway.sessions(1).first)
            #expect(DatagramRecord(record).down > 500, "\(record)")
          }
        } catch {
          await server.abandon()
          throw error
        }
        await server.abandon()
      }
    }
  }
}

/// A `garter udp --listen` beside a test.
struct ForwardedPort: Sendable {
  let child: Child
  let port: String

  static func run<Result>(
    gateway: String, target: [String], level: Int, _ body: (ForwardedPort) async throws -> Result
  ) async throws -> Result {
    let interop = try await InteropRealm.ready()
    let place = "localhost:\(gateway.drop { $0 != ":" }.dropFirst())"
    let child = try await Child.start(
      [
        try Programs.garter(), "udp", "--gateway", place, "--listen", "127.0.0.1:0", "--level", "\(level)",
      ] + target, environment: interop.environment)
    do {
      let mark = "garter: listening on 127.0.0.1:"
      let line = try await child.diagnostics.first(within: .seconds(20)) { $0.hasPrefix(mark) }
      guard let port = line?.dropFirst(mark.count).prefix(while: \.isNumber) else {
        throw PeerError(account: await child.account)
      }
      let result = try await body(ForwardedPort(child: child, port: String(port)))
      child.signal(.terminate)
      let status = try await child.ended(within: .seconds(30))
      guard status == .exited(0) else { throw PeerError(account: "\(status) \(await child.account)") }
      return result
    } catch {
      await child.abandon()
      throw error
    }
  }
}
