/// Who ended a session, or whose failure ended it.
public enum SessionParty: String, Sendable, Hashable, CaseIterable {
  case client
  case target
  /// This program: a rule, a limit, a timeout, a shutdown, or trouble of its own.
  case gateway
  /// The path between them: a reset, an unreachable network.
  case network
}
