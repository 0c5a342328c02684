import CBenchmark
import Glibc

/// A program that runs beside this one, and what it has cost so far.
final class Child: Sendable {
  let process: pid_t
  /// Where it listens on 127.0.0.1.
  let port: UInt16

  /// Starts it, and waits until it listens.
  init(_ arguments: [String], port: UInt16) throws {
    var strings: [UnsafePointer<CChar>?] = arguments.map { UnsafePointer(strdup($0)) }
    defer { for string in strings { free(UnsafeMutablePointer(mutating: string)) } }
    strings.append(nil)
    self.process = bench_spawn(strings)
    self.port = port
    guard self.process > 0 else { throw BenchmarkError("cannot start \(arguments[0])") }
    guard bench_await_port(port, self.process) == 1 else {
      self.end()
      throw BenchmarkError("\(arguments.joined(separator: " ")) does not listen on port \(port)")
    }
  }

  /// CPU seconds, user and system.
  var cpu: Double { bench_process_cpu(self.process) }
  /// Octets.
  var resident: Int64 { bench_resident(self.process) }
  var faults: Int64 { bench_faults(self.process) }

  func end() { bench_end(self.process) }
}
