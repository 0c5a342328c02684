import Glibc
import func Platform.ignoreBrokenPipes
import Subprocess
import Synchronization

/// A program that runs beside a test: takes lines and signals, gives lines of output. It does not outlive this process.
final class Child: Sendable {
  let command: [String]
  let processIdentifier: Int32
  /// Lines of standard output.
  let output: LineQueue
  /// Lines of standard error.
  let diagnostics: LineQueue
  private let orders: AsyncStream<Order>.Continuation
  private let end: Task<TerminationStatus, any Error>
  private let exit: Exit

  /// Whether the program has ended.
  private final class Exit: Sendable {
    let hasEnded = Mutex(false)
    /// Has a line when it has ended.
    let report = LineQueue()
  }

  private enum Order: Sendable {
    case line(String)
    case endOfInput
  }

  private init(
    command: [String], processIdentifier: Int32, output: LineQueue, diagnostics: LineQueue,
    orders: AsyncStream<Order>.Continuation, end: Task<TerminationStatus, any Error>, exit: Exit
  ) {
    self.command = command
    self.processIdentifier = processIdentifier
    self.output = output
    self.diagnostics = diagnostics
    self.orders = orders
    self.end = end
    self.exit = exit
  }

  /// Starts a program; its name is looked up as a shell does.
  ///
  /// - Parameter environment: what differs from this process's environment; `nil` takes a variable away.
  static func start(_ command: [String], environment: [String: String?] = [:]) async throws -> Child {
    // A program that ends while it is written to must not end this process.
    ignoreBrokenPipes()
    let (orders, order) = AsyncStream<Order>.makeStream()
    let (started, report) = AsyncStream<Int32>.makeStream()
    let (output, diagnostics, exit) = (LineQueue(), LineQueue(), Exit())
    let end = Task {
      defer { report.finish() }
      let ended = try await Subprocess.run(
        .name("setpriv"), arguments: Arguments(["--pdeathsig", "KILL", "--"] + command),
        environment: updated(environment), input: .inputWriter, output: .sequence, error: .sequence
      ) { execution in
        report.yield(execution.processIdentifier.value)
        await withTaskGroup { tasks in
          tasks.addTask { await follow(orders, execution) }
          await withTaskGroup { readers in
            readers.addTask { await read(execution.standardOutput, to: output) }
            readers.addTask { await read(execution.standardError, to: diagnostics) }
          }
          order.finish()
        }
      }.terminationStatus
      exit.hasEnded.withLock { $0 = true }
      await exit.report.append("ended")
      return ended
    }
    for await processIdentifier in started {
      return Child(
        command: command, processIdentifier: processIdentifier, output: output, diagnostics: diagnostics,
        orders: order, end: end, exit: exit)
    }
    _ = try await end.value
    throw CancellationError()
  }

  func send(_ line: String) { orders.yield(.line(line)) }

  func endInput() { orders.yield(.endOfInput) }

  /// Reaches the program also when it has closed its output.
  func signal(_ signal: Signal) {
    if !exit.hasEnded.withLock({ $0 }) { kill(processIdentifier, signal.rawValue) }
  }

  /// Waits until it has ended, and kills it when it does not within `limit`. Throws when something of it lives on.
  @discardableResult
  func ended(within limit: Duration) async throws -> TerminationStatus {
    let alarm = Task {
      try await Task.sleep(for: limit)
      signal(.kill)
    }
    defer { alarm.cancel() }
    try await exit.report.wait(within: limit + .seconds(10)) { !$0.isEmpty }
    return try await end.value
  }

  /// Kills it.
  func abandon() async {
    signal(.kill)
    _ = try? await ended(within: .seconds(10))
  }

  /// What it has said last, for a failure's account.
  var account: String {
    get async {
      """
      \(command.joined(separator: " "))
      \(await output.all.suffix(30).joined(separator: "\n"))
      \(await diagnostics.all.suffix(60).joined(separator: "\n"))
      """
    }
  }

  private static func follow(
    _ orders: AsyncStream<Order>, _ execution: Execution<CustomWriteInput, SequenceOutput, SequenceOutput>
  ) async {
    for await order in orders {
      // It may have ended already; its reader notices.
      switch order {
      case .line(let line): _ = try? await execution.standardInputWriter.write(line + "\n")
      case .endOfInput: try? await execution.standardInputWriter.finish()
      }
    }
  }

  private static func read(_ octets: SubprocessOutputSequence, to lines: LineQueue) async {
    do {
      for try await line in octets.strings(bufferingPolicy: .maxLineLength(16 << 20)) { await lines.append(line) }
    } catch {
      await lines.append("the output cannot be read: \(error)")
    }
    await lines.finish()
  }

  private static func updated(_ environment: [String: String?]) -> Environment {
    var updates: [Environment.Key: String?] = [:]
    for (name, value) in environment {
      if let key = Environment.Key(rawValue: name) { updates[key] = value }
    }
    return Environment.inherit.updating(updates)
  }
}
