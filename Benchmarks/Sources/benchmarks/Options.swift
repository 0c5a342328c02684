/// What is measured; each can be left out.
enum Scenario: String, CaseIterable {
  /// The GSS library and our binding of it, without a gateway.
  case library
  /// Our engine for Kerberos tokens against the library: encryption types, levels, directions, sizes, batches.
  case engine
  /// Relays without protection: ours, a copy in C, HAProxy, microsocks.
  case clear
  /// Throughput of the gateway and the bridge, by level, direction and number of connections.
  case streams
  /// Sessions made and closed.
  case handshakes
  /// One octet there and back, with and without a stream beside it.
  case roundTrips = "round-trips"
  /// What sessions that do nothing keep in memory.
  case memory
}

/// What the command line asks for.
struct Options {
  static let usage = """
    usage: benchmarks [SCENARIO…] [--rounds N] [--milliseconds N] [--engines NAME,…] [--levels N,…]
                      [--connections N,…] [--handshakes N] [--idle-beside N] [--round-trips N]
                      [--sessions N,…] [--traffic-sessions N] [--megabytes N] [--limits TEXT] [--programs FOLDER] [--output FOLDER]
    scenarios: library, engine, clear, streams, handshakes, round-trips, memory; all when none is named
    """

  var scenarios: [Scenario] = []
  /// Rounds that count.
  var rounds = 9
  /// What one stream should take, about.
  var milliseconds = 500
  /// Values of `kerberos.engine`, a gateway for each. Nil: the key is not given.
  var engines: [String?] = [nil]
  var levels = [1, 2, 3]
  /// Streams at a time.
  var connections = [1, 8, 64]
  /// Sessions made and closed, for 16 at once; a quarter of them for one at a time.
  var handshakes = 4_000
  /// Sessions that do nothing while others are made and closed, for one more row.
  var idleBeside = 4_000
  var roundTrips = 1_000
  /// Idle sessions.
  var sessions = [1_000, 10_000, 50_000]
  /// The most idle sessions of which each is given 16 MiB.
  var trafficSessions = 1_000
  /// Millions of octets, for the library.
  var megabytes = 64
  /// More keys of the gateways' `limits`, in YAML's braces style.
  var limits = ""
  /// Where garterd and garter are.
  var programs: String
  /// Where results.md, results.svg and results.json are written.
  var output: String?

  /// Nil when they are not understood.
  init?(_ arguments: [String]) {
    let program = arguments.first ?? ""
    self.programs = program.lastIndex(of: "/").map { String(program[..<$0]) } ?? "."
    var rest = arguments.dropFirst()
    while let word = rest.popFirst() {
      if let scenario = Scenario(rawValue: word) {
        self.scenarios.append(scenario)
      } else {
        guard let value = rest.popFirst(), self.take(word, value) else { return nil }
      }
    }
    if self.scenarios.isEmpty { self.scenarios = Scenario.allCases }
  }

  func measures(_ scenario: Scenario) -> Bool { self.scenarios.contains(scenario) }

  private mutating func take(_ name: String, _ value: String) -> Bool {
    let words = value.split(separator: ",").map(String.init)
    let numbers = words.compactMap(Int.init).filter { (1...1_000_000).contains($0) }
    guard !words.isEmpty else { return false }
    let number = words.count == 1 ? numbers.first : nil
    switch (name, number) {
    case ("--engines", _): self.engines = words.map { $0 == "default" ? nil : $0 }
    case ("--programs", _): self.programs = value
    case ("--output", _): self.output = value
    case ("--limits", _): self.limits = value
    case ("--levels", _): self.levels = numbers.filter { $0 <= 3 }
    case ("--connections", _): self.connections = numbers
    case ("--sessions", _): self.sessions = numbers.sorted()
    case ("--rounds", let number?): self.rounds = number
    case ("--milliseconds", let number?): self.milliseconds = number
    case ("--handshakes", let number?): self.handshakes = number
    case ("--idle-beside", let number?): self.idleBeside = number
    case ("--round-trips", let number?): self.roundTrips = number
    case ("--traffic-sessions", let number?): self.trafficSessions = number
    case ("--megabytes", let number?): self.megabytes = number
    default: return false
    }
    return true
  }
}
