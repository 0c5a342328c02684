import SOCKSCore

/// What a client asks for, as far as the rules do not refuse it before anything is resolved.
enum RequestedTarget: Sendable {
  /// An address, granted.
  case address([GrantedAddress])
  /// It depends on the addresses of the name.
  case name(RequestedName)
  /// It depends on who comes: a BIND for an address of all zeros.
  case anyPeer(AccessEvaluation)
}
