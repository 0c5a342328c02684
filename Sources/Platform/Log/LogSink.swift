internal import Glibc

/// A descriptor that a log is written to, on the one thread that does so. Whatever it is (a file, a pipe in blocking mode
/// or not, a socket, a terminal), and whatever becomes of it, the writer waits and tries again; it never gives up and never
/// spins.
struct LogSink {
  /// After a failure that may pass: a full disk, a reader that has gone and may come back.
  static let pauseAfterFailure: Duration = .seconds(1)
  /// After a descriptor has said that it takes something and then did not.
  static let pauseAfterRefusal: Duration = .milliseconds(10)

  let descriptor: Int32

  /// Writes whole lines. Blocks until that is done.
  func write(_ lines: [UInt8]) {
    var done = 0
    var refusals = 0
    while done < lines.count {
      let written = unsafe lines.withUnsafeBytes { bytes in
        unsafe Glibc.write(self.descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done)
      }
      if written > 0 {
        done += written
        refusals = 0
        continue
      }
      switch written < 0 ? errno : 0 {
      case EINTR: break
      case EAGAIN:
        if refusals > 0 { SystemThread.pause(Self.pauseAfterRefusal) }
        refusals += 1
        self.waitUntilWritable()
      case EPIPE:
        // The next reader has not seen the beginning of the line.
        done = Self.lineStart(lines, done)
        SystemThread.pause(Self.pauseAfterFailure)
      default: SystemThread.pause(Self.pauseAfterFailure)
      }
    }
  }

  private func waitUntilWritable() {
    var watched = pollfd(fd: self.descriptor, events: Int16(POLLOUT), revents: 0)
    // A failure is for the next write to find.
    _ = unsafe poll(&watched, 1, 1_000)
  }

  private static func lineStart(_ lines: [UInt8], _ index: Int) -> Int {
    lines[..<index].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
  }
}
