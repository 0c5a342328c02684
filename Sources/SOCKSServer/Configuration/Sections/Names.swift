public import SOCKSCore

extension Configuration {
  /// `names`: what names of a single label mean, such as `wiki`. A name with a dot is complete: nothing is ever appended to
  /// it, and the resolver's own search list (`search`, `domain` and `ndots` of resolv.conf) is not used.
  public struct Names: Hashable, Sendable {
    /// `search`: domains that are appended to a single label which is not in the hosts file, in this order, until there is
    /// such a name. The rules judge each complete name; one that they refuse ends the search. 1 to 8 domains. Default:
    /// none, and such labels are refused.
    public var search: [HostName] = []

    public init() {}

    /// Each may cost a query.
    static let maximumDomains = 8
  }
}
