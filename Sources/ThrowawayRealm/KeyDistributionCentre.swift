internal import Subprocess

/// The realm's KDC, a child that does not outlive this process.
///
/// A shell is in between: it reads its standard input, which ends when this process asks for it or is gone in
/// whatever way, then ends the centre and removes the folder. The centre in turn dies with the shell.
///
/// Its log comes here up to the line that says it listens, then goes to a file: a centre that had to wait until this
/// process reads its log would keep waiting those who here wait for the centre.
final class KeyDistributionCentre: Sendable {
  private static let supervisor = """
    PATH="$PATH:/usr/sbin:/sbin"
    trap '' INT HUP TERM PIPE
    mkfifo "$1/log.fifo" || exit
    folder=$1 mark=$2
    shift 2
    setpriv --pdeathsig KILL "$@" </dev/null >"$folder/log.fifo" 2>&1 &
    centre=$!
    exec 3<"$folder/log.fifo"
    while IFS= read -r line; do
      printf '%s\\n' "$line"
      case $line in *"$mark"*) break ;; esac
    done <&3
    exec >/dev/null 2>&1
    cat <&3 >"$folder/kdc.log" &
    exec 3<&-
    cat
    kill -TERM "$centre"
    ( sleep 2; kill -KILL "$centre" ) &
    watchdog=$!
    wait "$centre"
    kill -KILL "$watchdog"
    rm -rf -- "$folder"
    """

  /// What a centre logs when its port is taken. MIT's ends then; Heimdal's goes on without it.
  static let portIsTaken = "Address already in use"

  /// How a centre is started.
  struct Program: Sendable {
    /// Has to stay in the foreground, and log to standard error.
    var command: [String]
    /// Part of the line that it logs once its sockets are open.
    var readyMark: String
  }

  private let stopRequest: AsyncStream<Never>.Continuation
  private let child: Task<Void, Never>

  private init(stopRequest: AsyncStream<Never>.Continuation, child: Task<Void, Never>) {
    self.stopRequest = stopRequest
    self.child = child
  }

  /// Starts it and returns when it listens.
  static func start(
    _ program: Program, folder: String, environment: [String: String]
  ) async throws(KerberosRealmError) -> KeyDistributionCentre {
    let (stopped, stopRequest) = AsyncStream<Never>.makeStream()
    let (events, report) = AsyncStream<Event>.makeStream()
    let child = Task {
      let ending = await supervise(program, folder: folder, environment: environment, until: stopped, report: report)
      report.yield(.ended(ending))
      report.finish()
    }
    let centre = KeyDistributionCentre(stopRequest: stopRequest, child: child)
    for await event in events {
      switch event {
      case .listens:
        return centre
      case .ended(let diagnostics):
        throw KerberosRealmError(command: program.command, status: "did not start", diagnostics: diagnostics)
      }
    }
    // The stream ends early only when this task is cancelled.
    await centre.stop()
    throw KerberosRealmError(command: program.command, status: "cancelled", diagnostics: "")
  }

  /// Ends it, and returns when it is gone and the folder with it.
  func stop() async {
    stopRequest.finish()
    await child.value
  }

  private enum Event {
    case listens
    case ended(String)
  }

  private static func supervise(
    _ program: Program, folder: String, environment: [String: String], until stopped: AsyncStream<Never>,
    report: AsyncStream<Event>.Continuation
  ) async -> String {
    do {
      let result = try await Subprocess.run(
        .name("sh"), arguments: Arguments(["-c", supervisor, "sh", folder, program.readyMark] + program.command),
        environment: Command(arguments: [], environment: environment).children,
        input: .inputWriter, output: .sequence, error: .discarded
      ) { execution in
        var lines: [String] = []
        for try await line in execution.standardOutput.strings() {
          lines = lines.suffix(20) + [line]
          guard line.contains(program.readyMark) else { continue }
          if lines.contains(where: { $0.contains(portIsTaken) }) { break }
          report.yield(.listens)
          for await _ in stopped {}
        }
        // Closing the shell's input ends the centre, if it has not ended by itself.
        try await execution.standardInputWriter.finish()
        return lines.joined(separator: "\n")
      }
      return result.closureResult
    } catch {
      return "\(error)"
    }
  }
}
