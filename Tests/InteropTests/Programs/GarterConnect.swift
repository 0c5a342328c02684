/// `garter connect`, for the user of ``InteropRealm``.
struct GarterConnect: Sendable {
  /// As the user types it: the name is part of the service's.
  var gateway: String
  var target = "127.0.0.1"
  var port = 9
  var options: [String] = []
  /// What differs from the user's environment.
  var environment: [String: String?] = [:]
  /// How its streams are redirected; `"$@"` is the command. Behind the command there may be further arguments.
  var script = #""$@" </dev/null"#
  var seconds = 60

  /// - Parameter gateway: `127.0.0.1:PORT`, which is turned into `localhost:PORT`.
  init(gateway: String, target: String = "127.0.0.1", port: Int = 9, options: [String] = []) {
    self.gateway = "localhost:\(gateway.drop { $0 != ":" }.dropFirst())"
    self.target = target
    self.port = port
    self.options = options
  }

  func run() async throws -> Script.Ending {
    let command =
      [try Programs.garter(), "connect", "--gateway", self.gateway] + Programs.engineOptions + self.options
      + [self.target, "\(self.port)"]
    let interop = try await InteropRealm.ready()
    return try await Script(
      text: self.script, arguments: command, environment: interop.environment.merging(self.environment) { $1 },
      seconds: self.seconds
    ).run()
  }
}
