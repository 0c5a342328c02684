import CBenchmark

/// Measures what the project promises about speed, everything in one run.
///
/// With `relay PORT TARGET` it is the measured program itself: the relay handlers alone, as a child of the real run.
@main
struct Benchmarks {
  static func main() async throws {
    let arguments = CommandLine.arguments
    if arguments.count == 4, arguments[1] == "relay", let port = Int(arguments[2]), let target = Int(arguments[3]) {
      return try await RelayChild.run(port: port, target: target)
    }
    guard let options = Options(arguments) else { return print(Options.usage) }
    _ = bench_raise_descriptor_limit()
    let stage = try await Stage.start(options)
    do {
      let report = try await Self.measure(stage, options)
      await stage.stop()
      print(report.table)
      if let path = options.json, bench_write_file(path, report.json) != 1 {
        throw BenchmarkError("cannot write \(path)")
      }
    } catch {
      await stage.stop()
      throw error
    }
  }

  private static func measure(_ stage: Stage, _ options: Options) async throws -> Report {
    var report = Report()
    // Before the gateway has had traffic, whose memory idle sessions would be given again.
    report.memory = try await stage.measureMemory(sessions: options.sessions)
    let library = try Library(stage)
    // Every round measures everything, so that what else the machine does falls on all alike.
    for round in 0...options.rounds {
      var figures = Figures()
      try library.measure(&figures, megabytes: options.megabytes)
      try await stage.measureStreams(&figures, options)
      try await stage.measureRoundTrips(&figures, count: options.roundTrips)
      // The first round warms up.
      if round > 0 { report.add(figures) }
      progress("round \(round) of \(options.rounds)")
    }
    return report
  }
}

struct BenchmarkError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
