/// What a ``DescriptorLedger`` says to a session that wants a descriptor.
enum DescriptorAnswer: Hashable, Sendable {
  case granted
  /// There are too few, for whichever session.
  case noDescriptors
  /// There are some, but the session's owner holds too many.
  case shareUsedUp(DescriptorOwner)

  /// How a request ends for which the session needs one; nil where it was granted.
  var end: SessionEnd? {
    switch self {
    case .granted: nil
    case .noDescriptors: SessionEnd(.limit(.descriptors))
    case .shareUsedUp(.account):
      SessionEnd(.limit(.descriptors), "the principal's share of the file descriptors is used up")
    case .shareUsedUp(.network):
      SessionEnd(
        .limit(.descriptors), "the share of the file descriptors of this network's unauthenticated clients is used up")
    }
  }
}
