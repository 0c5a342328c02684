/// Who uses the descriptors of a session up. A ledger compares owners, and knows nothing else about them.
public enum DescriptorOwner: Hashable, Sendable {
  /// A client that has proved who it is, by the number of its account.
  case account(UInt64)
  /// All clients of one network that have proved nothing.
  case network(SourceNetwork)
}
