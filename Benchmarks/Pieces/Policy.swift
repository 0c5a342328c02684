import SOCKSCore
import SOCKSServer

/// A decision that the last of a hundred rules makes.
enum Policy {
  static func run(_ times: Int) throws {
    var rules: [AccessRule] = []
    for number in 0..<99 {
      let targets: [TargetPattern] =
        number.isMultiple(of: 2)
        ? [try TargetPattern(parsing: "*.site\(number).example.com")]
        : [try TargetPattern(parsing: "10.\(number).0.0/16")]
      rules.append(
        .allow(
          [.connect], identities: [try IdentityPattern(parsing: "*@GARTER.TEST")], targets: targets,
          ports: [try PortRange(parsing: "8000-8100")]))
    }
    rules.append(
      .allow(
        [.connect], identities: [try IdentityPattern(parsing: "alice@GARTER.TEST")],
        targets: [try TargetPattern(parsing: "*.last.example.com")]))
    let policy = AccessPolicy(rules: rules)
    guard let alice = Principal("alice@GARTER.TEST") else { throw PieceError("no principal") }
    let request = AccessRequest(
      command: .connect, identity: Identity(alice), client: .v4(0xc000_0263),
      host: try SOCKSHost("www.last.example.com"), port: 8_080)
    for _ in 0..<times {
      let evaluation = policy.evaluate(request)
      guard evaluation.refusal == nil,
        case .granted(let route) = evaluation.route(to: [.v4(0xc000_0201)], ownListeners: []),
        route.first?.grant.rule.index == 99
      else { throw PieceError("another decision") }
    }
  }
}
