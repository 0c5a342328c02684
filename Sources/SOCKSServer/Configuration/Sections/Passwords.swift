extension Configuration {
  /// `passwords`: the password file and what checking passwords may cost. Required where `password` is among the methods
  /// of a listener.
  public struct Passwords: Hashable, Sendable {
    /// `file`: the password file, an absolute path; `garterd passwd` writes it. Required.
    public var file: String
    /// `threads`: passwords that are checked at a time; each takes up to 64 MiB meanwhile (16 MiB for what
    /// `garterd passwd` writes). 1 to 16. Default: 2.
    public var threads = 2
    /// `queue`: checks that wait or run at a time; further ones are answered as wrong passwords. 1 to 10000. Default: 200.
    public var queue = 200
    /// `failures_per_minute`: wrong passwords that one client address may send, at once or over a minute; further
    /// attempts are refused unchecked. IPv6 addresses count by /64. 1 to 1000. Default: 10.
    public var failuresPerMinute = 10

    public init(file: String) {
      self.file = file
    }

    struct Key: Sendable {
      let name: String
      let field: any WritableKeyPath<Passwords, Int> & Sendable
      let bounds: ClosedRange<Int>
    }

    static let keys: [Key] = [
      Key(name: "threads", field: \.threads, bounds: 1...16),
      Key(name: "queue", field: \.queue, bounds: 1...10_000),
      Key(name: "failures_per_minute", field: \.failuresPerMinute, bounds: 1...1000),
    ]
  }
}
