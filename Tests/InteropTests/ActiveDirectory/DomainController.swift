import FoundationEssentials
import Platform
import Testing

/// A Samba domain controller for Active Directory's ways, in a network namespace of its own. Needs root. Made once.
///
/// A KDC of Active Directory is always at port 88, so its clients, gateways and targets all run inside the namespace, whose
/// hosts file knows ``hosts`` as 127.0.0.1. It ends when this process does, however that ends, and takes its folder with it.
struct DomainController: Sendable {
  static let realm = "AD.TEST"
  static let password = "Throwaway 2"
  /// One for each gateway of the tests; ``Computer/add(to:services:enctypes:)`` hands them out.
  static let hosts = (1...40).map { "gw\($0).ad.test" }

  let child: Child
  /// Everything that it keeps, and the files of the tests.
  let folder: String
  /// A process in the namespace.
  let process: Int

  /// A command that runs inside the namespace. The process that is started becomes the command, so signals reach it.
  func inside(_ command: [String]) -> [String] {
    ["nsenter", "--target", "\(self.process)", "--net", "--mount", "--"] + command
  }

  var environment: [String: String?] {
    [
      "KRB5_CONFIG": self.file("krb5.conf"), "KRB5CCNAME": "FILE:\(self.file("none.ccache"))",
      "KRB5_KTNAME": "FILE:\(self.file("none.keytab"))", "KRB5_CLIENT_KTNAME": "FILE:\(self.file("none.keytab"))",
      "KRB5RCACHEDIR": self.folder,
    ]
  }

  func file(_ name: String) -> String { "\(self.folder)/\(name)" }

  /// Has an account made or changed; see `Peers/directory/accounts.py`.
  @discardableResult
  func order(_ method: String, _ fields: [String: JSONValue]) async throws -> JSONValue {
    self.child.send(try JSONValue.fields(fields.merging(["do": .text(method)]) { $1 }).encoded())
    guard let line = try await self.child.output.next(within: .seconds(60)) else {
      throw PeerError(account: await self.child.account)
    }
    return try #require(try JSONValue(parsing: line)["done"])
  }

  func addUser(_ name: String, upn: String? = nil, groups: Int = 0) async throws {
    var fields: [String: JSONValue] = [
      "name": .text(name), "password": .text(Self.password), "groups": .integer(groups),
    ]
    if let upn { fields["upn"] = .text(upn) }
    try await self.order("user", fields)
  }

  /// A new ticket, and the environment of a child that uses it.
  ///
  /// - Parameter options: of `kinit`.
  func ticket(for name: String, options: [String] = []) async throws -> [String: String?] {
    let environment = self.environment.merging(["KRB5CCNAME": "FILE:\(self.file("\(UUID().uuidString).ccache"))"]) {
      $1
    }
    try await Script(
      text: #"password=$1; shift; printf '%s\n' "$password" | "$@""#,
      arguments: [Self.password] + self.inside(["kinit"] + options + [name]), environment: environment
    ).succeed()
    return environment
  }

  private static let making = Task { try await make() }

  static func ready() async throws -> DomainController { try await making.value }

  /// The shell reads nothing: the controller ends with its input, and the namespace with the shell.
  private static let supervisor = """
    trap '' INT HUP TERM PIPE
    exec 3<&0
    setpriv --pdeathsig KILL -- unshare --net --mount --pid --fork --kill-child=KILL --propagation private -- \
      "$@" <&3 3<&- &
    exec 3<&-
    printf '{"namespace": %s}\\n' "$!"
    wait "$!"
    rm -rf -- "$folder"
    """

  private static func make() async throws -> DomainController {
    guard currentUserID() == 0 else { throw NotRootError() }
    let made = try await Script(text: "exec mktemp -d -t active-directory.XXXXXXXX").succeed()
    let folder = String(made.text.prefix { $0 != "\n" })
    let program = Programs.peer("directory/domain_controller.py") + [folder, Self.hosts.joined(separator: " ")]
    // The shell outlives this process for as long as it takes to remove the folder.
    let child = try await Child.start(
      ["setpriv", "--pdeathsig", "clear", "--", "sh", "-c", Self.supervisor, "sh"] + program,
      environment: ["folder": folder])
    guard let line = try await child.output.next(within: .seconds(20)),
      let process = try JSONValue(parsing: line)["namespace"]?.integer,
      try await child.output.next(within: .seconds(90)) != nil
    else { throw PeerError(account: await child.account) }
    let controller = DomainController(child: child, folder: folder, process: process)
    try Data(Self.profile.utf8).write(to: URL(filePath: controller.file("krb5.conf")))
    return controller
  }

  private static let profile = """
    [libdefaults]
      default_realm = \(realm)
      dns_lookup_kdc = false
      dns_lookup_realm = false
      dns_canonicalize_hostname = false
      rdns = false
      qualify_shortname = ""
    [realms]
      \(realm) = {
        kdc = 127.0.0.1
        kpasswd_server = 127.0.0.1
      }
    [domain_realm]
      .ad.test = \(realm)

    """
}
