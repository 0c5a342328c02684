import NIOCore
import ProxySession

/// What the associations of a gateway share.
struct AssociationServices: Sendable {
  var configuration: Configuration.UDP
  var ports: AssociationPorts
  /// Where the gateway can be reached by datagrams now: the sockets towards clients and those towards targets.
  var ownSockets: OwnSockets
  /// For the datagrams on their way through.
  let memory = LoopLocal { AssociationMemory() }
}

/// The memory that the associations of one event loop take turns in.
final class AssociationMemory {
  let received = DatagramMemory()
  var fromClient = DatagramStorage()
  var fromTargets = DatagramStorage()
}
