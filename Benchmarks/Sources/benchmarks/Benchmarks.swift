import CBenchmark
import Glibc

/// Measures what the project promises about speed, everything in one run.
///
/// With `relay PORT TARGET` or `copy PORT TARGET` it is a measured program itself, as a child of the real run: the relay
/// handlers alone, and the plainest relay there is.
@main
struct Benchmarks {
  static func main() async throws {
    let arguments = CommandLine.arguments
    if arguments.count == 4, let port = UInt16(arguments[2]), let target = UInt16(arguments[3]) {
      if arguments[1] == "relay" { return try await RelayChild.run(port: Int(port), target: Int(target)) }
      if arguments[1] == "copy" { return bench_copy(port, target) }
    }
    guard let options = Options(arguments) else {
      progress(Options.usage)
      return exitWithUsage()
    }
    do {
      try await Self.run(options)
    } catch {
      progress("benchmarks: \(error)")
      exit(1)
    }
  }

  private static func run(_ options: Options) async throws {
    if let folder = options.output { try Report.expectFolder(folder) }
    let machine = Machine()
    let stage = try await Stage.start(options)
    do {
      var report = try await Self.measure(stage, options)
      report.machine = machine
      await stage.stop()
      print(report.markdown)
      if let folder = options.output { try report.write(to: folder) }
    } catch {
      await stage.stop()
      throw error
    }
  }

  private static func measure(_ stage: Stage, _ options: Options) async throws -> Report {
    var report = Report(options: options)
    if options.measures(.memory) { report.add(try stage.measureMemory()) }
    let measuresInRounds = options.scenarios.contains { $0 != .memory }
    let library = options.measures(.library) ? try Library() : nil
    let engine = options.measures(.engine) ? try Engine() : nil
    let streams = Streams(stage)
    // Every round measures everything, so that what else the machine does falls on all alike. The first warms up.
    for round in 0...options.rounds where measuresInRounds {
      var figures = Figures()
      try library?.measure(&figures, megabytes: options.megabytes)
      try engine?.measure(&figures)
      if options.measures(.clear) { try streams.measureClear(&figures) }
      if options.measures(.streams) { try streams.measureProtected(&figures) }
      if options.measures(.handshakes) { try stage.measureHandshakes(&figures) }
      if options.measures(.roundTrips) { try stage.measureRoundTrips(&figures) }
      if round > 0 { report.add(figures) }
      progress("round \(round) of \(options.rounds)")
    }
    return report
  }
}

struct BenchmarkError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }

  /// What the load in C says about its last failure.
  static func load(_ what: String) -> BenchmarkError { BenchmarkError("\(what): \(String(cString: bench_failure()))") }
}
