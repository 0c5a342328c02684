/// What became of the check of a user name and a password.
public enum PasswordOutcome: Hashable, Sendable {
  case correct
  case refused
  /// Nobody has looked at it, for want of something on this side: it says nothing about the client.
  case notChecked
}
