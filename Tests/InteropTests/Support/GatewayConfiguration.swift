/// A configuration file for `garterd`, for the user and the services of ``InteropRealm``.
struct GatewayConfiguration: Sendable {
  var listen = ["127.0.0.1:0"]
  /// Further lines of each listener, such as `methods: [gssapi, password]`.
  var listener: [String] = []
  /// The password file.
  var passwords: String?
  /// Further lines of `kerberos`, such as `levels: [integrity]`.
  var kerberos: [String] = []
  /// Lines of `timeouts`, such as `authentication: 2s`.
  var timeouts: [String] = []
  /// Lines of `limits`.
  var limits: [String] = []
  /// Lines of `penalties`.
  var penalties: [String] = []
  /// Everything on loopback, for the user.
  var rules = [
    #"{allow: [connect], principals: ["alice@GARTER.TEST"], to: [127.0.0.0/8, "::1", localhost]}"#
  ]
  /// Further sections, such as `udp: {ports: 40000-40999}`.
  var sections: [String] = []

  private var engine: [String] { Programs.engine.map { ["engine: \($0)"] } ?? [] }

  func text(keytab: String, replayCache: String) -> String {
    """
    listen:
    \(listen.map { (["  - address: \"\($0)\""] + listener.map { "    \($0)" }).joined(separator: "\n") }.joined(separator: "\n"))
    kerberos:
    \(section(["keytab: \(keytab)", "replay_cache: \(replayCache)"] + engine + kerberos))
    \(passwords.map { "passwords: {file: \($0)}" } ?? "")
    \(timeouts.isEmpty ? "" : "timeouts:\n" + section(timeouts))
    \(limits.isEmpty ? "" : "limits:\n" + section(limits))
    \(penalties.isEmpty ? "" : "penalties:\n" + section(penalties))
    \(sections.joined(separator: "\n"))
    rules:
    \(rules.map { "  - \($0)" }.joined(separator: "\n"))

    """
  }

  private func section(_ lines: [String]) -> String { lines.map { "  \($0)" }.joined(separator: "\n") }
}
