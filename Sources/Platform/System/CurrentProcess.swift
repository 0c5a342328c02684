internal import Glibc

/// A user's number (`uid_t`).
public typealias UserID = UInt32

/// The user whose rights this process acts with (`geteuid`): the owner of every socket that it makes.
public func currentUserID() -> UserID { geteuid() }

/// The machine's own name as the kernel knows it, or `localhost` when it has none.
public var hostName: String {
  var buffer = [CChar](repeating: 0, count: 256)
  return unsafe buffer.withUnsafeMutableBufferPointer { buffer -> String in
    guard let start = buffer.baseAddress, unsafe gethostname(start, buffer.count - 1) == 0 else {
      return "localhost"
    }
    let name = unsafe String(cString: start)
    return name.isEmpty ? "localhost" : name
  }
}

/// From now on a write to a connection that the peer has closed fails with EPIPE, and one beyond the limit for a file's size
/// (`ulimit -f`) with EFBIG, instead of ending the process.
public func ignoreBrokenPipes() {
  _ = signal(SIGPIPE, SIG_IGN)
  _ = signal(SIGXFSZ, SIG_IGN)
}

/// Ends the process at once, without the libraries' own clean-up: that would run on this thread while other threads may
/// still be inside the libraries (a Kerberos call that waits for a server, say), and make them fail. Only what the log still
/// has to write is waited for, for a second at most.
public func endProcess(status: Int32) -> Never {
  LogWriter.standardError.flush()
  _exit(status)
}
