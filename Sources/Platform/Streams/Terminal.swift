internal import Glibc

/// The three streams that a program is started with.
public enum StandardStream: Int32, Hashable, Sendable, CaseIterable {
  case input = 0
  case output = 1
  case errorOutput = 2

  /// Whether a person sits at the other end.
  public var isTerminal: Bool { isatty(rawValue) == 1 }
}

extension StandardStream {
  /// Occupies the numbers of streams that the program was started without, so that no socket and no keytab gets one of
  /// them. Reading the input and writing to the output fail, as they did; messages for the standard error go nowhere. To be
  /// called first.
  public static func occupyMissing() {
    for stream in allCases where fcntl(stream.rawValue, F_GETFD) < 0 {
      // The lowest free number is the stream's own: those before it are occupied.
      let flags =
        switch stream {
        case .input, .errorOutput: O_WRONLY
        case .output: O_RDONLY
        }
      guard unsafe open("/dev/null", flags) != stream.rawValue else { continue }
      // A machine without /dev: an unconnected socket can be neither read from nor written to.
      guard socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0) == stream.rawValue else { _exit(71) }
    }
  }
}

/// Writes one line, as far as the stream takes it, and waits for that: for programs that run once and end. A service says what
/// it has to say through ``LogWriter/say(_:level:withLabel:)``, which does not wait.
public func writeLine(_ line: String, to stream: StandardStream) {
  let octets = Array(line.utf8) + [UInt8(ascii: "\n")]
  _ = unsafe octets.withUnsafeBytes { unsafe write(stream.rawValue, $0.baseAddress, $0.count) }
}
