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
import Synchronization
import ThrowawayRealm

struct Demo: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Demonstrate a Kerberos realm, a gateway, a bridge and a web page; everything is temporary.",
    discussion: """
      Makes a private MIT Kerberos realm in a temporary folder (nothing of this machine's Kerberos is touched), a user \
      with a ticket and a service with a key; starts the gateway, a bridge and a small web server on free ports of \
      127.0.0.1; fetches a page through them, and shows what was negotiated and what an eavesdropper saw. Then it \
      keeps running for you to try. Needs krb5-kdc, krb5-admin-server, krb5-user and curl.
      """)

  @Flag(help: "Exit after the check: status 0 if it passed, 1 if it failed.")
  var once = false

  func run() async throws {
    // Everything is thrown away whenever the demo is ended.
    let demonstration = Task { try await self.perform() }
    let requests = Mutex(StopRequests(hangUp: .stops))
    ProgramSignals.handle { signal in
      switch requests.withLock({ $0.received(signal) }) {
      case .stop: demonstration.cancel()
      case .stopAtOnce: endProcess(status: 1)
      case .reportHangUp, .ignore: break
      }
    }
    do {
      endProcess(status: try await demonstration.value ? 0 : 1)
    } catch {
      LogWriter.standardError.say("demo: \(demonstration.isCancelled ? "interrupted" : "\(error)")", level: .error)
      endProcess(status: 1)
    }
  }

  /// Returns whether the proof held.
  private func perform() async throws -> Bool {
    let realm = try await DemoRealm.start()
    let result = await Result.catching { try await self.demonstrate(realm) }
    await Self.completely { await realm.stop() }
    return try result.get()
  }

  /// Runs what is to be done to its end, although the task may have been cancelled.
  private static func completely(_ work: @escaping @Sendable () async -> Void) async {
    await Task { await work() }.value
  }

  /// Everything between the realm's beginning and its end. Returns whether the proof held.
  private func demonstrate(_ realm: DemoRealm) async throws -> Bool {
    let records = SessionLog()
    let stage = try await DemoStage.start(realm: realm, logger: Logger(label: "demo", factory: { _ in records }))
    let result = await Result.catching {
      self.introduce(realm, stage)
      let proof = try await DemoProof.fetch(through: stage, records: records)
      writeLine(proof.description, to: .output)
      guard proof.holds, !self.once else { return proof.holds }
      writeLine(self.instructions(realm, stage), to: .output)
      // Until a signal cancels the task.
      let (nothing, end) = AsyncStream.makeStream(of: Never.self)
      for await _ in nothing {}
      end.finish()
      return true
    }
    await Self.completely { await stage.stop() }
    return try result.get()
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
}

extension Result where Failure == any Error {
  static func catching(_ body: () async throws -> Success) async -> Self {
    do { return .success(try await body()) } catch { return .failure(error) }
  }
}
