import SOCKSCore
import SOCKSTestSupport
import Testing

/// Random networks around the relay, and a model of them that does its own book-keeping.
@Suite struct StreamRelaySimulationTests {
  /// One direction as the network sees it.
  struct Direction {
    /// Octets that the source has still to send before its end.
    var toSend: Int
    var sent = 0
    /// Read, and on their way to the other side.
    var pending = 0
    var written = 0
    var isReadAsked = false
    var hasEnded = false
    /// The end has been carried across.
    var endsForwarded = 0

    var total: Int { self.sent + self.toSend }
  }

  struct Simulation {
    var relay: StreamRelay
    var generator: SeededGenerator
    var client: Direction
    var target: Direction
    var finishes = 0
    var errors: [String] = []

    init(seed: UInt64) {
      self.generator = SeededGenerator(seed: seed)
      self.relay = StreamRelay(highWaterMark: Int.random(in: 1...50, using: &self.generator))
      self.client = Direction(toSend: Int.random(in: 0...200, using: &self.generator))
      self.target = Direction(toSend: Int.random(in: 0...200, using: &self.generator))
    }

    subscript(_ side: StreamRelay.Side) -> Direction {
      get { side == .client ? self.client : self.target }
      set {
        switch side {
        case .client: self.client = newValue
        case .target: self.target = newValue
        }
      }
    }

    mutating func perform(_ actions: StreamRelay.Actions) {
      for (side, read, end) in [
        (.client, .readClient, .endTargetOutput), (.target, .readTarget, .endClientOutput),
      ] as [(StreamRelay.Side, StreamRelay.Actions, StreamRelay.Actions)] {
        if actions.contains(read) {
          if self[side].isReadAsked { self.errors.append("\(side) read twice") }
          if self[side].hasEnded { self.errors.append("\(side) read after its end") }
          if self[side].pending >= self.relay.highWaterMark { self.errors.append("\(side) read beyond the mark") }
          self[side].isReadAsked = true
        }
        if actions.contains(end) {
          self[side].endsForwarded += 1
          if !self[side].hasEnded || self[side].pending > 0 || self[side].written != self[side].total {
            self.errors.append("the end of \(side) overtook its octets")
          }
        }
      }
      if actions.contains(.finish) {
        self.finishes += 1
        if self.client.endsForwarded != 1 || self.target.endsForwarded != 1 {
          self.errors.append("finished before both ends")
        }
      }
    }

    /// One event of the network; false when nothing can happen any more.
    mutating func step() -> Bool {
      var events: [(inout Simulation) -> Void] = []
      for side in StreamRelay.Side.allCases {
        let direction = self[side]
        if direction.isReadAsked, direction.toSend > 0 { events.append { $0.read(side) } }
        // The end comes with a read or by itself.
        if direction.toSend == 0, !direction.hasEnded { events.append { $0.end(side) } }
        if direction.pending > 0 { events.append { $0.write(side) } }
      }
      guard let event = events.randomElement(using: &self.generator) else { return false }
      event(&self)
      return true
    }

    private mutating func read(_ side: StreamRelay.Side) {
      // A read may bring several parts, or nothing, and more than the mark.
      for _ in 0..<Int.random(in: 0...2, using: &self.generator) where self[side].toSend > 0 {
        let count = Int.random(in: 1...min(80, self[side].toSend), using: &self.generator)
        self[side].toSend -= count
        self[side].sent += count
        self[side].pending += count
        self.relay.received(count, from: side)
      }
      if self[side].toSend == 0, Bool.random(using: &self.generator) {
        self.end(side)
        let actions = self.relay.readCompleted(side)
        self.perform(actions)
        return
      }
      self[side].isReadAsked = false
      let actions = self.relay.readCompleted(side)
      self.perform(actions)
    }

    private mutating func end(_ side: StreamRelay.Side) {
      self[side].hasEnded = true
      self[side].isReadAsked = false
      let actions = self.relay.receivedEnd(from: side)
      self.perform(actions)
    }

    private mutating func write(_ side: StreamRelay.Side) {
      let count = Int.random(in: 1...self[side].pending, using: &self.generator)
      self[side].pending -= count
      self[side].written += count
      let actions = self.relay.written(count, to: side.other)
      self.perform(actions)
    }
  }

  @Test func everyRunEndsWithEveryOctetCarried() {
    for seed in UInt64(0)..<10_000 {
      var simulation = Simulation(seed: seed)
      let totals = (simulation.client.total, simulation.target.total)
      let actions = simulation.relay.began()
      simulation.perform(actions)
      while simulation.step() {}
      if simulation.finishes != 1 { simulation.errors.append("finished \(simulation.finishes) times") }
      if (simulation.client.written, simulation.target.written) != totals { simulation.errors.append("octets lost") }
      if (simulation.relay.octetsFromClient, simulation.relay.octetsFromTarget) != (UInt64(totals.0), UInt64(totals.1))
      {
        simulation.errors.append("octets not counted")
      }
      if !simulation.errors.isEmpty { Issue.record("seed \(seed): \(simulation.errors)") }
    }
  }
}
