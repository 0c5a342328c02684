import NIOCore
import ProxySession
import SOCKSCore
import SOCKSNIO

/// What a session does for one request. Belongs to the session's event loop; the session keeps it until the connection
/// has closed.
protocol ServedRequest: AnyObject {
  /// Asks the rules and acts. `answer` is called on the loop, at most once: with the address for the success reply, or
  /// with the end that says what to reply and to log.
  func begin(answer: @escaping (Result<SOCKSAddress, SessionEnd>) -> Void)

  /// The success reply is on its way: relaying begins.
  func replied(_ start: ServerNegotiationHandover)

  /// Whether ``replied(_:)`` has led to a relay, which a stopping gateway lets go on.
  var isRelaying: Bool { get }

  /// Ends the relay for a reason of the session's. Only called while ``isRelaying``.
  func end()

  /// The connection is gone, or refused, before there was a relay: lets go of everything.
  func abandon()
}
