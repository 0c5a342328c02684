/// What a line of a log looks like.
public enum LogFormat: String, Hashable, Sendable, CaseIterable {
  /// `2026-01-02T03:04:05.678Z notice garterd: message key=value key="several words"`.
  case text
  /// One object on each line: `timestamp`, `level`, `label`, `message`, and `metadata` with texts.
  case json
}
