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
  /// Occupies the numbers of streams that the program was started without, so that no socket gets one of them. What is
  /// put there can only be used the wrong way round: reading and writing fail, as they did. To be called first.
  public static func occupyMissing() {
    for stream in allCases where fcntl(stream.rawValue, F_GETFD) < 0 {
      // The lowest free number is the stream's own: those before it are occupied.
      _ = unsafe open("/dev/null", stream == .input ? O_WRONLY : O_RDONLY)
    }
  }
}

/// Writes one line, as far as the stream takes it: for messages to a person, never for data.
public func writeLine(_ line: String, to stream: StandardStream) {
  let octets = Array(line.utf8) + [UInt8(ascii: "\n")]
  _ = unsafe octets.withUnsafeBytes { unsafe write(stream.rawValue, $0.baseAddress, $0.count) }
}
