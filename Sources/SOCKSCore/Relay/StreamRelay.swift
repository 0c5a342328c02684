/// Carries two streams between a client and a target: what is read on one side is written on the other, reads wait for
/// writes, and the end of a stream is carried across (half-close).
///
/// The machine counts octets and decides; it never sees them.
public struct StreamRelay: Hashable, Sendable {
  public enum Side: Hashable, Sendable, CaseIterable {
    case client
    case target

    public var other: Side { self == .client ? .target : .client }
  }

  /// What to do now; several things at a time, in the order of declaration.
  public struct Actions: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Ask for the next octets of that side.
    public static let readClient = Actions(rawValue: 1 << 0)
    public static let readTarget = Actions(rawValue: 1 << 1)
    /// Nothing more will be written to that side: end its stream.
    public static let endClientOutput = Actions(rawValue: 1 << 2)
    public static let endTargetOutput = Actions(rawValue: 1 << 3)
    /// Both streams have ended and every octet is written: close both sides.
    public static let finish = Actions(rawValue: 1 << 4)

    static func read(_ side: Side) -> Actions { side == .client ? .readClient : .readTarget }
    static func endOutput(_ side: Side) -> Actions { side == .client ? .endClientOutput : .endTargetOutput }
  }

  /// One direction, named by the side that it comes from.
  private struct Stream: Hashable {
    /// Octets read and not yet written out.
    var inFlight = 0
    var total: UInt64 = 0
    /// A read has been asked for and has not ended.
    var isReading = false
    var hasEnded = false
    var hasForwardedEnd = false
  }

  /// No further read of a side is asked for while more octets than this wait to be written to the other. One read may
  /// go beyond it, so a reader that stops costs at most this and one receive buffer.
  public let highWaterMark: Int

  private var fromClient = Stream()
  private var fromTarget = Stream()
  private var hasFinished = false
  /// The side whose stream has ended first.
  public private(set) var firstToEnd: Side?

  /// - Parameter highWaterMark: octets; at least 1 is used.
  public init(highWaterMark: Int) { self.highWaterMark = max(1, highWaterMark) }

  /// Octets that have come from the client.
  public var octetsFromClient: UInt64 { self.fromClient.total }
  /// Octets that have come from the target.
  public var octetsFromTarget: UInt64 { self.fromTarget.total }
  /// True from the end of the first stream on; octets may still wait to be written when both have ended.
  public var isHalfClosed: Bool { self.fromClient.hasEnded || self.fromTarget.hasEnded }

  /// True when nothing more will come from a side.
  public func hasEnded(_ side: Side) -> Bool { self[side].hasEnded }
  /// True when everything is written to a side, and its stream is ended.
  public func hasEndedOutput(to side: Side) -> Bool { self[side.other].hasForwardedEnd }

  // MARK: Events

  public mutating func began() -> Actions {
    self.advance(.client).union(self.advance(.target))
  }

  /// Octets have come from a side and are being written to the other.
  public mutating func received(_ count: Int, from side: Side) {
    guard !self.hasFinished, count > 0 else { return }
    self[side].inFlight += count
    self[side].total += UInt64(clamping: count)
  }

  /// The read that was asked for has ended, with or without octets.
  public mutating func readCompleted(_ side: Side) -> Actions {
    self[side].isReading = false
    return self.advance(side)
  }

  /// Octets that came from `side.other` are written to `side`.
  public mutating func written(_ count: Int, to side: Side) -> Actions {
    self[side.other].inFlight -= min(count, self[side.other].inFlight)
    return self.advance(side.other)
  }

  /// The side has ended its stream: nothing more comes from it.
  public mutating func receivedEnd(from side: Side) -> Actions {
    if self.firstToEnd == nil { self.firstToEnd = side }
    self[side].hasEnded = true
    self[side].isReading = false
    return self.advance(side)
  }

  // MARK: Decisions

  private mutating func advance(_ side: Side) -> Actions {
    guard !self.hasFinished else { return [] }
    var stream = self[side]
    var actions: Actions = []
    if stream.hasEnded {
      if stream.inFlight == 0, !stream.hasForwardedEnd {
        stream.hasForwardedEnd = true
        actions.insert(.endOutput(side.other))
      }
    } else if !stream.isReading, stream.inFlight < self.highWaterMark {
      stream.isReading = true
      actions.insert(.read(side))
    }
    self[side] = stream
    if self.fromClient.hasForwardedEnd, self.fromTarget.hasForwardedEnd {
      self.hasFinished = true
      actions.insert(.finish)
    }
    return actions
  }

  private subscript(_ side: Side) -> Stream {
    get { side == .client ? self.fromClient : self.fromTarget }
    set {
      switch side {
      case .client: self.fromClient = newValue
      case .target: self.fromTarget = newValue
      }
    }
  }
}
