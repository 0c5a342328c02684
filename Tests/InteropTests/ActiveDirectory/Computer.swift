import FoundationEssentials
import Synchronization
import Testing

/// The computer account of a gateway in the domain of ``DomainController``, and its keytab.
struct Computer: Sendable {
  /// Values of msDS-SupportedEncryptionTypes.
  enum KeyTypes {
    /// AES128 and AES256.
    static let aes = 0x18
    static let rc4 = 0x04
    /// RC4, with AES for session keys.
    static let rc4WithAESSessions = 0x24
  }

  private static let count = Atomic(0)

  let domain: DomainController
  let host: String
  /// With the dollar sign.
  let account: String

  var keytab: String { self.domain.file("\(self.host).keytab") }
  var service: String { "socks/\(self.host)" }
  /// The names in the order in which adcli, msktutil and samba-tool write them.
  var accountFirst: [String] { [self.account, "host/\(self.host)", self.service] }

  /// Adds an account for the next host.
  static func add(to domain: DomainController, enctypes: Int = KeyTypes.aes) async throws -> Computer {
    let number = Self.count.add(1, ordering: .relaxed).newValue
    let computer = Computer(
      domain: domain, host: try #require(DomainController.hosts.dropFirst(number - 1).first), account: "GW\(number)$")
    try await domain.order(
      "computer",
      [
        "name": .text("GW\(number)"), "services": .list([.text("host/\(computer.host)"), .text(computer.service)]),
        "password": .text(DomainController.password), "enctypes": .integer(enctypes),
      ])
    return computer
  }

  /// Writes the account's keys, those of earlier keytabs included, under names in this order.
  ///
  /// - Parameter enctypes: numbers of RFC 3961's registry; `nil` for all that the account has.
  /// - Returns: the key versions, the newest first.
  @discardableResult
  func writeKeytab(_ principals: [String], enctypes: [Int]? = nil) async throws -> [Int] {
    var fields: [String: JSONValue] = [
      "name": .text(self.account), "principals": .list(principals.map { .text($0) }), "path": .text(self.keytab),
    ]
    if let enctypes { fields["enctypes"] = .list(enctypes.map { .integer($0) }) }
    let keys = try #require(try await self.domain.order("keytab", fields).list)
    return keys.compactMap { $0.list?.first?.integer }
  }

  func changePassword() async throws {
    try await self.domain.order(
      "password", ["name": .text(self.account), "password": .text("Throwaway \(UUID().uuidString)")])
  }

  private var rules: [String] {
    [#"{allow: [connect], principals: ["*@\#(DomainController.realm)"], to: [127.0.0.0/8]}"#]
  }

  private func writeConfiguration() throws -> (path: String, replayCache: String) {
    let base = self.domain.file("garterd-\(UUID().uuidString)")
    let text = GatewayConfiguration(rules: self.rules).text(keytab: self.keytab, replayCache: "\(base).replay")
    try Data(text.utf8).write(to: URL(filePath: "\(base).yaml"))
    return ("\(base).yaml", "\(base).replay")
  }

  /// `garterd check` of the gateway's configuration.
  func check() async throws -> Script.Ending {
    let command = [try Programs.garterd(), "check", "--config", try self.writeConfiguration().path]
    return try await Script(
      text: #"exec "$@""#, arguments: self.domain.inside(command), environment: self.domain.environment
    ).run()
  }

  /// Runs a gateway with this account, and stops it however `body` ends.
  func runGateway<Result>(_ body: (DirectoryGateway) async throws -> Result) async throws -> Result {
    let configuration = try self.writeConfiguration()
    let command = [try Programs.garterd(), "run", "--config", configuration.path]
    let origin = self.domain.inside(Programs.peer("origin.py") + ["echo"])
    return try await ListeningChild.run(origin) { origin in
      let child = try await Child.start(self.domain.inside(command), environment: self.domain.environment)
      do {
        let line = try await child.diagnostics.first(within: .seconds(20)) { LogLine($0).message == "listening" }
        guard let address = line.flatMap({ LogLine($0).metadata["addresses"] }) else {
          throw GatewayError(account: await child.account)
        }
        let gateway = Gateway(
          child: child, address: address, addresses: [address], replayCache: configuration.replayCache)
        let result = try await body(DirectoryGateway(computer: self, gateway: gateway, target: origin.port))
        try await gateway.stop()
        return result
      } catch {
        await child.abandon()
        throw error
      }
    }
  }
}
