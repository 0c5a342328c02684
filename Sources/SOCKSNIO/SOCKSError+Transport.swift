import Glibc
import NIOCore
public import SOCKSCore

extension SOCKSError {
  /// What ended a connection: an error of the layers below, or of the system.
  ///
  /// The texts are the field's words for what the system says, without the names of its functions.
  public init(transport error: any Error) {
    switch error {
    case let error as SOCKSError: self = error
    case let error as IOError: self.init(system: error.errnoCode)
    case ChannelError.connectTimeout: self.init(.connectionLost, "connection timed out")
    default: self.init(.connectionClosed, "the connection was closed")
    }
  }

  /// - Parameter code: an error number of the system, for a connection.
  public init(system code: CInt) {
    switch code {
    case ECONNRESET: self.init(.connectionClosed, "connection reset by peer")
    case ECONNREFUSED: self.init(.connectionClosed, "connection refused")
    case EPIPE, ECONNABORTED, ENOTCONN, ESHUTDOWN, EBADF: self.init(.connectionClosed, "the connection was closed")
    case ETIMEDOUT: self.init(.connectionLost, "connection timed out")
    case EHOSTUNREACH, EHOSTDOWN: self.init(.connectionLost, "no route to host")
    case ENETUNREACH, ENETDOWN, ENETRESET: self.init(.connectionLost, "network is unreachable")
    case ENOMEM, ENOBUFS: self.init(.noMemory, "no memory for a connection")
    case EMFILE, ENFILE: self.init(.noDescriptors, "no file descriptor for a connection")
    case EADDRINUSE: self.init(.socketFailed, "the address is in use")
    case EADDRNOTAVAIL: self.init(.socketFailed, "the address is not this machine's")
    case EACCES, EPERM: self.init(.socketFailed, "permission denied")
    default: self.init(.connectionLost, "error \(code) of the system")
    }
  }
}
