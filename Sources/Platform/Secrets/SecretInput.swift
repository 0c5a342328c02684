internal import Glibc

/// Secrets that a person types, or that another program hands over.
public enum SecretInput {
  /// The longest that is taken, in octets; what is longer comes back as one octet more, and is for the caller to refuse.
  public static let maximumOctets = 1024

  /// Reads one line of standard input. On a terminal nothing is shown of it, and the terminal is as before afterwards.
  ///
  /// - Parameter prompt: written to standard error, if somebody is there to see it.
  /// - Returns: the line without its end; nil when there was none, or the person has interrupted it.
  public static func readLine(prompt: String) throws(SystemError) -> [UInt8]? {
    guard StandardStream.input.isTerminal else { return try self.readPipedLine() }
    var before = termios()
    guard unsafe tcgetattr(STDIN_FILENO, &before) == 0 else { throw SystemError.last }
    var silent = before
    unsafe cfmakeraw(&silent)
    return try TerminalRestorer.restoring(before) { () throws(SystemError) in
      guard unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0 else { throw SystemError.last }
      defer {
        _ = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
        self.show("\n")
      }
      self.show(prompt)
      return try self.readTypedLine()
    }
  }

  /// In raw mode the keys that edit a line are ours to follow.
  private static func readTypedLine() throws(SystemError) -> [UInt8]? {
    var line: [UInt8] = []
    while let octet = try self.readOctet() {
      switch octet {
      case 0x0d, 0x0a: return line
      // Control-C, Control-\, and Control-D on an empty line.
      case 0x03, 0x1c: return nil
      case 0x04: if line.isEmpty { return nil }
      // Backspace takes a whole character.
      case 0x08, 0x7f:
        while let last = line.popLast(), last & 0xc0 == 0x80 {}
      // Control-U
      case 0x15: line = []
      default: if line.count <= Self.maximumOctets { line.append(octet) }
      }
    }
    return nil
  }

  private static func readPipedLine() throws(SystemError) -> [UInt8]? {
    var line: [UInt8] = []
    while let octet = try self.readOctet() {
      if octet == 0x0a { return line }
      if line.count <= Self.maximumOctets { line.append(octet) }
    }
    return line.isEmpty ? nil : line
  }

  private static func readOctet() throws(SystemError) -> UInt8? {
    var octet: UInt8 = 0
    while true {
      let count = unsafe read(STDIN_FILENO, &octet, 1)
      if count == 1 { return octet }
      if count == 0 { return nil }
      let error = SystemError.last
      guard error.code == EINTR else { throw error }
    }
  }

  private static func show(_ text: String) {
    let octets = Array(text.utf8)
    _ = unsafe octets.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}
