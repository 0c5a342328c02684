public import NIOCore

/// Puts fragmented datagrams together (RFC 1928 section 7): one sequence at a time, in order, in bounded space and time.
///
/// A fragment names neither its sequence nor the number of its fellows, so anything but the next position of the same
/// sequence abandons it: a datagram made of pieces of two would be worse than none.
public struct FragmentReassembly: Hashable, Sendable {
  /// The most data of one sequence, in octets.
  public static let maximumOctets = 64 * 1_024
  /// "The reassembly timer MUST be no less than 5 seconds." It runs from the first fragment.
  public static let timeout: Duration = .seconds(5)

  /// What came of a datagram.
  public struct Outcome: Hashable, Sendable {
    /// A datagram that is whole: the data, without header.
    public var whole: ByteBuffer?
    /// Fragments that became nothing, this one or earlier ones.
    public var abandoned = 0
    /// What has to happen to the timer.
    public var timer: Timer = .unchanged

    public init(whole: ByteBuffer? = nil, abandoned: Int = 0, timer: Timer = .unchanged) {
      self.whole = whole
      self.abandoned = abandoned
      self.timer = timer
    }
  }

  public enum Timer: Hashable, Sendable {
    case unchanged
    /// Call ``timerExpired()`` after ``timeout``; an older timer is void.
    case start
    case stop
  }

  private enum State: Hashable {
    case idle
    /// Position 1 to `position` have come.
    case collecting(position: UInt8, destination: SOCKSAddress, data: ByteBuffer)
  }

  private var state: State = .idle

  /// "the high-order bit indicates end-of-fragment sequence"
  private static let endBit: UInt8 = 0x80

  public init() {}

  /// True while a sequence has begun.
  public var isCollecting: Bool { self.state != .idle }

  /// A datagram has come, whole or not.
  public mutating func received(_ header: UDPRequestHeader, _ data: ByteBuffer) -> Outcome {
    guard header.fragment != 0x00 else {
      // "a new datagram arrives carrying a FRAG field whose value is less than the highest FRAG value processed": zero
      // is less than any.
      var outcome = self.abandon()
      outcome.whole = data
      return outcome
    }
    let position = header.fragment & ~Self.endBit
    let isLast = header.fragment & Self.endBit != 0
    switch self.state {
    case .collecting(let before, header.destination, var whole) where before < position && position - before == 1:
      // Given up for a while, so that the data is appended where it is.
      self.state = .idle
      guard whole.readableBytes + data.readableBytes <= Self.maximumOctets else {
        return Outcome(abandoned: Int(position), timer: .stop)
      }
      whole.writeImmutableBuffer(data)
      guard !isLast else { return Outcome(whole: whole, timer: .stop) }
      self.state = .collecting(position: position, destination: header.destination, data: whole)
      return Outcome()
    case .collecting, .idle:
      var outcome = self.abandon()
      guard position == 1, data.readableBytes <= Self.maximumOctets else {
        outcome.abandoned += 1
        return outcome
      }
      guard !isLast else {
        outcome.whole = data
        return outcome
      }
      // A copy: the sequence must not keep the storage of whole reads.
      self.state = .collecting(
        position: position, destination: header.destination, data: ByteBuffer(bytes: data.readableBytesView))
      outcome.timer = .start
      return outcome
    }
  }

  /// The time of the sequence is up.
  public mutating func timerExpired() -> Outcome { self.abandon() }

  private mutating func abandon() -> Outcome {
    guard case .collecting(let position, _, _) = self.state else { return Outcome() }
    self.state = .idle
    return Outcome(abandoned: Int(position), timer: .stop)
  }
}
