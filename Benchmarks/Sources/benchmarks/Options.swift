/// What the command line asks for.
struct Options {
  static let usage = """
    usage: benchmarks [--rounds N] [--megabytes N] [--clear-megabytes N] [--round-trips N] [--sessions N]
                      [--garterd PATH] [--json FILE]
    """

  var rounds = 15
  /// Millions of octets of each protected stream, and of each library figure.
  var megabytes = 64
  /// Millions of octets of each clear stream.
  var clearMegabytes = 500
  var roundTrips = 1_000
  var sessions = 300
  var garterd: String
  var json: String?

  /// Nil when they are not understood.
  init?(_ arguments: [String]) {
    let program = arguments.first ?? ""
    self.garterd = program.lastIndex(of: "/").map { "\(program[..<$0])/garterd" } ?? "garterd"
    var rest = arguments.dropFirst()
    while let name = rest.popFirst() {
      guard let value = rest.popFirst() else { return nil }
      let number = Int(value).flatMap { (1...1_000_000).contains($0) ? $0 : nil }
      switch (name, number) {
      case ("--garterd", _): self.garterd = value
      case ("--json", _): self.json = value
      case ("--rounds", let number?): self.rounds = number
      case ("--megabytes", let number?): self.megabytes = number
      case ("--clear-megabytes", let number?): self.clearMegabytes = number
      case ("--round-trips", let number?): self.roundTrips = number
      case ("--sessions", let number?): self.sessions = number
      default: return nil
      }
    }
  }
}
