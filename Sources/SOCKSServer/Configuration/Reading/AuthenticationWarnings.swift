import Platform
import SOCKSCore

/// What may be a mistake in how listeners and rules say who is let in.
struct AuthenticationWarnings {
  let listeners: [(listener: Configuration.Listener, place: YAMLPlace)]
  let rules: [AccessRule]

  /// Each with the place of the listener that it is about.
  var all: [(message: String, place: YAMLPlace)] {
    self.listeners.flatMap { listener, place in
      (self.openness(of: listener) + self.uselessness(of: listener)).map { ($0, place) }
    }
  }

  /// Ways in that are open to every address.
  private func openness(of listener: Configuration.Listener) -> [String] {
    guard !listener.address.address.isLoopback else { return [] }
    let everywhere: [(methods: [AuthenticationMethod], compatibility: [CompatibilitySwitch])] =
      [(listener.methods, [])]
      + listener.clients.filter { $0.networks.contains { $0.prefixLength == 0 } }
      .map { ($0.methods ?? listener.methods, $0.compatibility) }
    var warnings: [String] = []
    if everywhere.contains(where: { $0.methods.contains(.none) }) {
      warnings.append(
        "\(listener.address) serves clients of every network without authentication (none); "
          + "allow it to networks that you trust, under clients")
    }
    if everywhere.contains(where: { $0.methods.contains(.password) }) {
      warnings.append(
        "\(listener.address) accepts passwords from every network, and they cross it unencrypted (RFC 1929); "
          + "allow them to networks that you trust, under clients")
    }
    for word in CompatibilitySwitch.allCases where everywhere.contains(where: { $0.compatibility.contains(word) }) {
      warnings.append("\(listener.address) has \(word.rawValue) on for every network of clients")
    }
    return warnings
  }

  /// Methods that lead nowhere, because no rule allows anything to those who use them; switches without their method.
  private func uselessness(of listener: Configuration.Listener) -> [String] {
    let services = listener.services
    var warnings: [String] = []
    if services.contains(where: { $0.methods.contains(.none) }), !self.allows({ $0 == .unauthenticated }) {
      warnings.append(
        "\(listener.address) serves clients without authentication (none), but no rule allows anything to unauthenticated"
      )
    }
    if services.contains(where: { $0.methods.contains(.password) }),
      !self.allows({ if case .user = $0 { true } else { false } })
    {
      warnings.append("\(listener.address) takes passwords, but no rule allows anything to a user:NAME")
    }
    if services.contains(where: { !$0.compatibility.isEmpty && !$0.methods.contains(.gssapi) }) {
      warnings.append(
        "\(listener.address) has a compatibility switch for clients that may not use gssapi: it does nothing")
    }
    return warnings
  }

  private func allows(_ isMeant: (IdentityPattern) -> Bool) -> Bool {
    self.rules.contains { $0.effect == .allow && $0.identities?.contains(where: isMeant) == true }
  }
}
