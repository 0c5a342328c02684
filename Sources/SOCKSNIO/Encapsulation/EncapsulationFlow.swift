/// What ``EncapsulationHandler`` remembers between a channel's events: whether it still protects, which messages wait for
/// a later turn of the event loop, what the handlers above have asked for, and which half of the connection has ended.
///
/// Those above ask for plaintext, the network delivers octets: a read that brought no whole message is passed on again,
/// and one that is asked for while messages wait is held back until those are delivered.
struct EncapsulationFlow: Hashable {
  enum State: Hashable {
    case protecting
    /// The context protects the datagrams of an association. The channel only waits for its end.
    case associated
    /// A fault was found, or the channel is gone.
    case poisoned
  }

  /// Whole messages that are not unwrapped yet, and the turn of the loop in which they will be.
  enum Backlog: Hashable, CaseIterable {
    case empty
    /// Messages wait, and no turn is scheduled: they are being unwrapped now.
    case waiting
    case scheduled
    /// A turn is scheduled, and nothing waits for it any more.
    case cleared

    var holdsMessages: Bool {
      switch self {
      case .waiting, .scheduled: true
      case .empty, .cleared: false
      }
    }
  }

  /// The read that those above have asked for.
  enum Read: Hashable, CaseIterable {
    case none
    /// Passed on to the network, which has delivered nothing since.
    case passedOn
    /// The network has delivered, and there was no plaintext in it.
    case unanswered
    /// Plaintext has been delivered, and the read that was passed on is still with the network.
    case answeredEarly
    /// Asked for while messages waited: their plaintext is not what was meant.
    case heldBack
  }

  /// The end of the peer's stream.
  enum InputEnd: Hashable, CaseIterable {
    /// It has not come, or has been passed on.
    case none
    /// It comes behind messages that wait.
    case heldBack
  }

  /// Our sending side.
  enum Output: Hashable, CaseIterable {
    case open
    /// Ended, and nothing has gone wrong since: the channel's end is then the end of the peer's stream.
    case ended
  }

  /// What those above have flushed.
  enum Wrapping: Hashable, CaseIterable {
    /// It is wrapped when it is flushed.
    case atOnce
    /// A turn of the loop is scheduled in which the rest is wrapped.
    case scheduled
  }

  private(set) var state: State
  var backlog: Backlog
  var read: Read
  private(set) var inputEnd: InputEnd
  private(set) var output: Output
  private(set) var wrapping: Wrapping

  init(
    state: State = .protecting, backlog: Backlog = .empty, read: Read = .none, inputEnd: InputEnd = .none,
    output: Output = .open, wrapping: Wrapping = .atOnce
  ) {
    self.state = state
    self.backlog = backlog
    self.read = read
    self.inputEnd = inputEnd
    self.output = output
    self.wrapping = wrapping
  }

  var hasBacklog: Bool { self.backlog.holdsMessages }

  // MARK: Life

  mutating func associated() { self.state = .associated }

  /// The first fault, or the channel's end.
  mutating func poisoned() {
    self.state = .poisoned
    self.dropBacklog()
  }

  // MARK: Ends

  /// The peer's stream has ended. Whether it has for those above: it has not while messages wait.
  mutating func inputEnded() -> Bool {
    if self.hasBacklog { self.inputEnd = .heldBack }
    return !self.hasBacklog
  }

  /// Nothing waits any more. Whether the end of the input was held back, and is due now.
  mutating func takeInputEnd() -> Bool {
    defer { self.inputEnd = .none }
    return self.inputEnd == .heldBack
  }

  mutating func outputEnded() { self.output = .ended }

  mutating func errorCame() { self.output = .open }

  /// The channel has ended. Whether that is the end of the peer's stream: a channel whose sending side is ended has no
  /// half-close left, and an end that was held back has come.
  mutating func channelEnded() -> Bool {
    let isEndHeldBack = self.takeInputEnd()
    return self.output == .ended || isEndHeldBack
  }

  // MARK: Wrapping

  mutating func scheduledWrapping() { self.wrapping = .scheduled }

  mutating func wrappingTurnBegan() { self.wrapping = .atOnce }
}
