internal import Glibc

/// The program's standard input and output as one socket: what is written to the program's input can be read from the
/// socket, and the other way round.
///
/// Standard streams may be files, pipes, terminals or sockets, and may be shared with other programs. So they are left
/// in blocking mode, as they were found, and each is copied by a thread of its own.
public struct StandardStreamCopy: Sendable {
  /// Octets moved at a time.
  static let chunk = 256 << 10

  /// The program's end of the socket, for the caller to use and to close.
  public let descriptor: Int32

  /// The end that the two copies use. It stays open until the program ends: the copy of the input may be waiting in a
  /// read that nothing ends.
  private let inner: Int32

  public init() throws(SystemError) {
    var ends: [Int32] = [-1, -1]
    let result = unsafe ends.withUnsafeMutableBufferPointer {
      unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, $0.baseAddress)
    }
    guard result == 0 else { throw SystemError.last }
    self.descriptor = ends[0]
    self.inner = ends[1]
  }

  /// Copies the standard input until it ends, or the socket's reader does. Blocks.
  ///
  /// - Throws: what reading failed with. The socket's stream goes on then, so that nobody takes it for an end.
  public func copyInput() throws(SystemError) {
    var buffer = [UInt8](repeating: 0, count: Self.chunk)
    while true {
      let count = try Self.read(StandardStream.input.rawValue, &buffer)
      guard count > 0 else { break }
      do throws(SystemError) {
        try Self.write(self.inner, buffer, count)
      } catch {
        return
      }
    }
    shutdown(self.inner, Int32(SHUT_WR))
  }

  /// Copies what comes on the socket to the standard output, and closes that at the end. Blocks.
  ///
  /// - Throws: what writing failed with; `EPIPE` also when nobody reads any more. The socket is ended both ways then.
  public func copyOutput() throws(SystemError) {
    var buffer = [UInt8](repeating: 0, count: Self.chunk)
    do throws(SystemError) {
      while true {
        try self.waitForOutput()
        let count = Self.received(self.inner, &buffer)
        guard count > 0 else { break }
        try Self.write(StandardStream.output.rawValue, buffer, count)
      }
      try Self.closeOutput()
    } catch {
      shutdown(self.inner, Int32(SHUT_RDWR))
      throw error
    }
  }

  /// Waits until there is something to copy, and notices when nobody reads the output any more.
  private func waitForOutput() throws(SystemError) {
    var watched = [
      pollfd(fd: self.inner, events: Int16(POLLIN), revents: 0),
      pollfd(fd: StandardStream.output.rawValue, events: 0, revents: 0),
    ]
    while true {
      let result = unsafe watched.withUnsafeMutableBufferPointer {
        unsafe poll($0.baseAddress, nfds_t($0.count), -1)
      }
      if result < 0, errno != EINTR { throw SystemError.last }
      guard result > 0 else { continue }
      if Int32(watched[1].revents) & (POLLERR | POLLHUP | POLLNVAL) != 0 { throw SystemError(code: EPIPE) }
      if watched[0].revents != 0 { return }
    }
  }

  /// The reader shall see the end now, not when the program has ended; and nothing else shall get the number.
  private static func closeOutput() throws(SystemError) {
    shutdown(StandardStream.output.rawValue, Int32(SHUT_WR))
    let null = unsafe open("/dev/null", O_WRONLY | O_CLOEXEC)
    guard null >= 0 else { throw SystemError.last }
    defer { close(null) }
    guard dup2(null, StandardStream.output.rawValue) >= 0 else { throw SystemError.last }
  }

  // MARK: - Calls

  static func read(_ descriptor: Int32, _ buffer: inout [UInt8]) throws(SystemError) -> Int {
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 { return count }
      try Self.await(descriptor, POLLIN)
    }
  }

  /// Octets that have come; zero at the end. A socket whose other end was closed with octets unread says "reset" where
  /// it means the end.
  private static func received(_ descriptor: Int32, _ buffer: inout [UInt8]) -> Int {
    do throws(SystemError) { return try Self.read(descriptor, &buffer) } catch { return 0 }
  }

  static func write(_ descriptor: Int32, _ octets: [UInt8], _ count: Int) throws(SystemError) {
    var done = 0
    while done < count {
      let written = unsafe octets.withUnsafeBytes { octets in
        unsafe Glibc.write(descriptor, octets.baseAddress.map { unsafe $0 + done }, count - done)
      }
      if written >= 0 { done += written } else { try Self.await(descriptor, POLLOUT) }
    }
  }

  /// After a call that failed: waits where that helps. Another program may have made a shared stream non-blocking.
  private static func await(_ descriptor: Int32, _ event: Int32) throws(SystemError) {
    switch errno {
    case EINTR:
      return
    case EAGAIN:
      var watched = pollfd(fd: descriptor, events: Int16(event), revents: 0)
      guard unsafe poll(&watched, 1, -1) >= 0 || errno == EINTR else { throw SystemError.last }
    default:
      throw SystemError.last
    }
  }
}
