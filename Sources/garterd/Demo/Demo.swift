import ArgumentParser
import GSSAPI
import Logging
import NIOCore
import Platform
import SOCKSClient
import SOCKSCore
import SOCKSGSSAPI
import SOCKSServer
import ServiceLifecycle
import ThrowawayRealm
import UnixSignals

struct Demo: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "See it work: a Kerberos realm, a gateway, a bridge and a web page, all thrown away at the end.",
    discussion: """
      Makes a private MIT Kerberos realm in a temporary folder (nothing of this machine's Kerberos is touched), a user \
      with a ticket and a service with a key; starts the gateway, a bridge and a small web server on free ports of \
      127.0.0.1; fetches a page through them, and shows what was agreed and what an eavesdropper saw. Then it stays up, \
      for you to try. Needs krb5-kdc, krb5-admin-server, krb5-user and curl.
      """)

  @Flag(help: "End after the proof: status 0 when it held, 1 when it did not.")
  var once = false

  func run() async throws {
    do {
      let realm = try await DemoRealm.start()
      let holds: Bool
      do {
        holds = try await self.demonstrate(realm)
      } catch {
        await realm.stop()
        throw error
      }
      await realm.stop()
      endProcess(status: holds ? 0 : 1)
    } catch {
      writeLine("garterd demo: \(error)", to: .errorOutput)
      endProcess(status: 1)
    }
  }

  /// Everything between the realm's beginning and its end. Returns whether the proof held.
  private func demonstrate(_ realm: DemoRealm) async throws -> Bool {
    let records = SessionLog()
    let stage = try await DemoStage.start(realm: realm, logger: Logger(label: "demo", factory: { _ in records }))
    let proof: DemoProof
    do {
      self.introduce(realm, stage)
      proof = try await DemoProof.fetch(through: stage, records: records)
      writeLine(proof.description, to: .output)
      guard proof.holds, !self.once else {
        await stage.stop()
        return proof.holds
      }
      writeLine(self.instructions(realm, stage), to: .output)
      await Self.waitForSignal()
    } catch {
      await stage.stop()
      throw error
    }
    await stage.stop()
    return true
  }

  private func introduce(_ realm: DemoRealm, _ stage: DemoStage) {
    writeLine(
      """
      A realm, a gateway, a bridge and a web page
        realm      \(realm.name), in \(realm.folder)
        user       \(DemoRealm.user)@\(realm.name), with a ticket
        gateway    \(stage.gateway) as \(DemoRealm.service)@\(realm.name)
        bridge     \(stage.bridge), SOCKS5 without authentication for this user's programs
        web page   http://\(stage.origin)/
      """, to: .output)
  }

  private func instructions(_ realm: DemoRealm, _ stage: DemoStage) -> String {
    """

    Try it, in another terminal:
      curl -x socks5h://\(stage.bridge) http://\(stage.origin)/
      export KRB5_CONFIG=\(realm.configurationPath) KRB5CCNAME=\(realm.ticketCache)
      klist
      ssh -o ProxyCommand='\(Self.garterPath) connect --gateway localhost:\(stage.gateway.port) %h %p' 127.0.0.1
      printf 'GET / HTTP/1.0\\r\\n\\r\\n' | \(Self.garterPath) connect --gateway localhost:\(stage.gateway.port) 127.0.0.1 \(stage.origin.port)

    Control-C ends it, and removes everything.
    """
  }

  /// `garter` beside this program, where it is built or installed.
  private static var garterPath: String {
    let arguments = CommandLine.arguments
    guard let path = arguments.first, let slash = path.lastIndex(of: "/") else { return "garter" }
    return "\(path[..<slash])/garter"
  }

  private static func waitForSignal() async {
    for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup) { return }
  }
}
