import Glibc
import NIOCore
import NIOPosix
import Platform
import SOCKSCore

/// An error in the system's words, without the name of the function that met it. Of any content: escape it where it is shown
/// or logged.
public func words(for error: any Error) -> String {
  switch error {
  case let error as IOError: SystemError(code: error.errnoCode).description
  case let error as NIOConnectionError: words(for: error)
  case let error as SOCKSError: error.detail.isEmpty ? "\(error.code)" : error.detail
  case ChannelError.connectTimeout: "timed out waiting for the connection"
  case ChannelError.ioOnClosedChannel, ChannelError.alreadyClosed, ChannelError.eof, ChannelError.inputClosed,
    ChannelError.outputClosed:
    "the connection was closed"
  default: "\(error)"
  }
}

/// Why an address cannot be listened on. Of any content: escape it where it is shown or logged.
public func words(forListening error: any Error) -> String {
  switch (error as? IOError)?.errnoCode {
  case EADDRINUSE: "the port is in use"
  case EADDRNOTAVAIL: "this machine does not have the address"
  case EACCES: "permission denied (ports below 1024 need CAP_NET_BIND_SERVICE)"
  case EINVAL: "the system does not accept the address"
  default: words(for: error)
  }
}

/// Each cause once, in the order of the attempts.
private func words(for error: NIOConnectionError) -> String {
  var causes: [String] = []
  for failure in error.connectionErrors {
    let cause = words(for: failure.error)
    if !causes.contains(cause) { causes.append(cause) }
  }
  guard causes.isEmpty else { return causes.joined(separator: "; ") }
  return "the name has no address"
}
