import Logging
import SOCKSCore
import Subprocess
import SOCKSServer

/// What came of fetching the page through bridge and gateway.
struct DemoProof: CustomStringConvertible {
  private let fetched: String
  private let wire: [UInt8]
  private let session: Logger.Metadata

  /// Fetches the page with curl.
  static func fetch(through stage: DemoStage, records: SessionLog) async throws -> DemoProof {
    let result = try await Subprocess.run(
      .name("curl"),
      arguments: [
        "--silent", "--show-error", "--max-time", "30", "--proxy", "socks5h://\(stage.bridge)",
        "http://\(stage.origin)/",
      ],
      output: .string(limit: 4 * DemoOrigin.body.utf8.count), error: .string(limit: 64 * 1_024))
    guard result.terminationStatus.isSuccess else {
      throw SOCKSError(.connectionClosed, "curl failed: \(result.standardError)")
    }
    let session = try await records.next()
    return DemoProof(fetched: result.standardOutput, wire: stage.eavesdropper.octets, session: session)
  }

  private var isComplete: Bool { self.fetched == DemoOrigin.body }
  private var level: String { self.session["level"].map { "\($0)" } ?? "none" }

  /// No sixteen octets of the secret in a row went over the wire, and enough octets did to carry the page.
  private var isHidden: Bool {
    let windows = Set(Self.windows(of: Array(DemoOrigin.secret.utf8)))
    return self.wire.count > DemoOrigin.body.utf8.count
      && !Self.windows(of: self.wire).contains(where: windows.contains)
  }

  var holds: Bool { self.isComplete && self.isHidden && self.level == "\(ProtectionLevel.confidentiality)" }

  private static func windows(of octets: [UInt8]) -> some Sequence<ArraySlice<UInt8>> {
    let width = 16
    return (0..<max(0, octets.count - width + 1)).lazy.map { octets[$0..<$0 + width] }
  }

  var description: String {
    func fact(_ key: String) -> String { self.session[key].map { "\($0)" } ?? "unknown" }
    return """

      Fetched the page with curl, through bridge and gateway
        page       \(self.fetched.utf8.count) octets, \(self.isComplete ? "complete" : "NOT what the server sent")
        agreed     level \(self.level), \(fact("mechanism")), \(fact("enctype"))
        client     \(fact("principal")), to \(fact("service"))
        target     \(fact("target"))
        on the wire between bridge and gateway
                   \(self.wire.count) octets; \(self.isHidden ? "the page's text is not in them" : "THE PAGE'S TEXT IS IN THEM")
        example    \(self.wire.suffix(24).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " "))
      \(self.holds ? "The transfer was protected." : "THE PROOF FAILED.")
      """
  }
}
