/// What RFC 1961 section 4 has come to where the switch ``CompatibilitySwitch/unprotected`` is on: an authenticated client,
/// and an unprotected session.
public struct UnprotectedSession: Hashable, Sendable {
  public var attributes: SecurityContextAttributes
  /// The switches that this session could not do without.
  public var compatibility: Set<CompatibilitySwitch>

  public init(attributes: SecurityContextAttributes, compatibility: Set<CompatibilitySwitch>) {
    self.attributes = attributes
    self.compatibility = compatibility
  }
}
