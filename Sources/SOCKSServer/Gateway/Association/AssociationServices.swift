/// What the associations of a gateway share.
struct AssociationServices: Sendable {
  var configuration: Configuration.UDP
  var ports: AssociationPorts
  /// Where the gateway can be reached by datagrams now: the sockets towards clients and those towards targets.
  var ownSockets: OwnSockets
}
