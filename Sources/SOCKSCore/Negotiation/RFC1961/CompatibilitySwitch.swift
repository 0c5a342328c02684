/// A departure from RFC 1961 for programs that cannot do what it says. None is on unless an operator names it for a
/// network of clients, and each use is logged.
public enum CompatibilitySwitch: String, Hashable, Sendable, CaseIterable {
  /// The client authenticates, and then nothing is protected: level 0 is the answer to whatever was asked for, and a client
  /// that sends its request without a level message is served too. The only thing that works with curl up to 7.68 and
  /// from 8.17, JGit and Apache MINA.
  ///
  /// The opening then proves only that somebody sent it: with no level message the client shows no key, so that a recorded
  /// opening passes wherever the same keytab is used with another replay cache.
  case unprotected
  /// A level message may carry the bare octet instead of a wrapped one, and is answered in kind: what the NEC reference
  /// implementation does. Somebody on the way can change such an octet, so it never leads below the levels allowed.
  case nec
}
