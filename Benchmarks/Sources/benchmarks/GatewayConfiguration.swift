import CBenchmark

/// What a measured gateway is told. The programs may be of another release than this one: a key that they do not know is
/// left out.
struct GatewayConfiguration {
  let port: UInt16
  let folder: String
  let engine: String?
  /// Of a second listener, for clients without authentication.
  var clearPort: UInt16?
  var limits = ["connections: 200000"]

  /// Limits that would refuse the load, which comes from one principal and one machine.
  private static let generous = [
    "connections_per_address: 200000", "unauthenticated_per_address: 200000", "sessions_per_principal: 200000",
  ]

  /// Adds what the program understands.
  mutating func extend(_ options: Options, path: String) throws {
    if !options.limits.isEmpty { self.limits.append(options.limits) }
    for limit in Self.generous {
      var extended = self
      extended.limits.append(limit)
      if try extended.isUnderstood(options, path: path) { self = extended }
    }
    var extended = self
    extended.clearPort = bench_free_port()
    if try extended.isUnderstood(options, path: path) { self = extended }
  }

  func write(to path: String) throws {
    guard bench_write_file(path, self.text) == 1 else { throw BenchmarkError("cannot write \(path)") }
  }

  private func isUnderstood(_ options: Options, path: String) throws -> Bool {
    try self.write(to: path)
    return Machine.answer("'\(options.programs)/garterd' check --config '\(path)' >/dev/null 2>&1 && echo yes") == "yes"
  }

  private var text: String {
    """
    listen:
      - address: 127.0.0.1:\(self.port)
    \(self.clearPort.map { "  - {address: \"127.0.0.1:\($0)\", methods: [none]}" } ?? "")
    kerberos:
      keytab: \(self.folder)/default.keytab
      replay_cache: \(self.folder)/replay-\(self.port)
      \(self.engine.map { "engine: \($0)" } ?? "")
    limits: {\(self.limits.joined(separator: ", "))}
    rules:
      - allow: [connect]
        principals: ["*@GARTER.TEST"\(self.clearPort == nil ? "" : ", unauthenticated")]
        to: [127.0.0.0/8]

    """
  }
}
