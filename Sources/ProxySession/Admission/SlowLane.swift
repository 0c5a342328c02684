import NIOCore

/// Connections of penalized addresses that are known: each address gets so many a second, and so many that have not
/// authenticated at a time. Further ones wait for their turn, first come, first served, so that a program that fails all
/// the time delays the others at its address, and does not keep them out.
struct SlowLane<Network: Hashable> {
  enum Turn: Hashable {
    case now
    /// Ask again at this time.
    case at(NIODeadline)
    /// As many wait as may wait.
    case never
  }

  private struct Lane {
    /// When the next connection may begin.
    var next: NIODeadline
    /// Connections that have begun, and have neither authenticated nor ended.
    var active = 0
    var waiting = 0
  }

  /// Between two connections of an address.
  let interval: TimeAmount
  /// Of an address, at a time.
  let connections: Int
  /// Connections of an address that may wait.
  let maximumWaiting: Int
  private var lanes: [Network: Lane] = [:]

  /// - Parameter perSecond: connections of an address that may begin in a second.
  init(perSecond: Int, connections: Int, maximumWaiting: Int) {
    self.interval = .nanoseconds(1_000_000_000 / Int64(max(1, perSecond)))
    self.connections = max(1, connections)
    self.maximumWaiting = maximumWaiting
  }

  /// Addresses with a connection in the lane: never more than there are connections.
  var count: Int { self.lanes.count }

  /// A connection has come.
  mutating func arrive(_ network: Network, now: NIODeadline) -> Turn {
    self.sweep(now)
    var lane = self.lanes[network] ?? Lane(next: now)
    if lane.waiting == 0, lane.next <= now, lane.active < self.connections {
      lane.active += 1
      lane.next = now + self.interval
      self.lanes[network] = lane
      return .now
    }
    guard lane.waiting < self.maximumWaiting else { return .never }
    lane.waiting += 1
    let turn = self.takeTurn(&lane, now)
    self.lanes[network] = lane
    return .at(turn)
  }

  /// The time of a waiting connection has come.
  mutating func retry(_ network: Network, now: NIODeadline) -> Turn {
    guard var lane = self.lanes[network] else { return .never }
    defer { self.lanes[network] = lane }
    guard lane.active < self.connections else { return .at(self.takeTurn(&lane, now)) }
    lane.waiting -= 1
    lane.active += 1
    return .now
  }

  /// A waiting connection has given up.
  mutating func gaveUp(_ network: Network) {
    self.lanes[network]?.waiting -= 1
  }

  /// A connection that had begun has authenticated, or has ended.
  mutating func left(_ network: Network) {
    self.lanes[network]?.active -= 1
  }

  private func takeTurn(_ lane: inout Lane, _ now: NIODeadline) -> NIODeadline {
    let turn = max(now, lane.next)
    lane.next = turn + self.interval
    return turn
  }

  private var sweepSize = 64

  /// Forgets lanes that nobody is in, when they have become twice as many as after the last time.
  private mutating func sweep(_ now: NIODeadline) {
    guard self.lanes.count > self.sweepSize else { return }
    self.lanes = self.lanes.filter { $0.value.active > 0 || $0.value.waiting > 0 || $0.value.next > now }
    self.sweepSize = max(64, 2 * self.lanes.count)
  }
}
