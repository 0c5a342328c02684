extension Configuration {
  /// `timeouts`: how long things may take, written as `500ms`, `30s`, `10m`, `2h` or `1d`. None can be switched off.
  ///
  /// The deadlines of the negotiation are absolute: an octet now and then does not put them off.
  public struct Timeouts: Hashable, Sendable {
    /// `method`: from the connection to the end of the client's method offer. 1ms to 1h. Default: 10s.
    public var method: Duration = .seconds(10)
    /// `authentication`: from there to an established context. 1ms to 1h. Default: 30s.
    public var authentication: Duration = .seconds(30)
    /// `level`: from there to an agreed protection level. 1ms to 1h. Default: 10s.
    public var level: Duration = .seconds(10)
    /// `request`: from there to the end of the request. 1ms to 1h. Default: 30s.
    public var request: Duration = .seconds(30)
    /// `resolve`: for the addresses of a name. 1ms to 1h. Default: 5s.
    public var resolve: Duration = .seconds(5)
    /// `connect`: for a connection to a target, all of its addresses together. 1ms to 1h. Default: 10s.
    public var connect: Duration = .seconds(10)
    /// `idle`: with no octet in either direction. 1ms to 30d. Default: 2h.
    public var idle: Duration = .seconds(7200)
    /// `half_closed`: the same from the end of the first stream on: a client that has sent its request and ended its stream
    /// may wait so long for the answer. 1ms to 30d. Default: the same as `idle`.
    public var halfClosed: Duration {
      get { self.configuredHalfClosed ?? self.idle }
      set { self.configuredHalfClosed = newValue }
    }
    private var configuredHalfClosed: Duration?
    /// `session`: for a whole relay, from the reply on; a rule may say otherwise. 1s to 365d. Default: 30d.
    public var session: Duration = .seconds(30 * 86_400)
    /// `drain`: for the sessions that are left when the gateway is asked to stop. 1ms to 1d. Default: 30s.
    public var drain: Duration = .seconds(30)

    public init() {}

    struct Key: Sendable {
      let name: String
      let field: any WritableKeyPath<Timeouts, Duration> & Sendable
      let bounds: ClosedRange<Duration>
    }

    static let keys: [Key] = [
      Key(name: "method", field: \.method, bounds: phase),
      Key(name: "authentication", field: \.authentication, bounds: phase),
      Key(name: "level", field: \.level, bounds: phase),
      Key(name: "request", field: \.request, bounds: phase),
      Key(name: "resolve", field: \.resolve, bounds: phase),
      Key(name: "connect", field: \.connect, bounds: phase),
      Key(name: "idle", field: \.idle, bounds: idles),
      Key(name: "half_closed", field: \.halfClosed, bounds: idles),
      Key(name: "session", field: \.session, bounds: sessions),
      Key(name: "drain", field: \.drain, bounds: .milliseconds(1) ... .seconds(86_400)),
    ]

    static let sessions: ClosedRange<Duration> = .seconds(1) ... .seconds(365 * 86_400)
    private static let idles: ClosedRange<Duration> = .milliseconds(1) ... .seconds(30 * 86_400)
    private static let phase: ClosedRange<Duration> = .milliseconds(1) ... .seconds(3600)
  }
}
