import NIOCore
import SOCKSCore
import SOCKSNIO

/// What the bridge does for one request of a local program. Belongs to the local connection's event loop; the session
/// keeps it until that connection has closed.
protocol BridgedRequest: AnyObject {
  /// Asks the gateway. `answer` is called on the loop, once, after this call has returned: with the address for the
  /// success reply, or with the reason for a failure.
  func begin(answer: @escaping (Result<SOCKSAddress, ProxyConnectorError>) -> Void)

  /// True while the local program can only wait: with nobody there to do so, the request may be given up.
  var awaitsGateway: Bool { get }

  /// The success reply is on its way.
  func replied(_ start: ServerNegotiationHandover)

  /// The local connection is gone: lets go of everything that is not relaying by itself.
  func abandon()
}
