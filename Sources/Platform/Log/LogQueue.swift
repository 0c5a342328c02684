/// The lines that wait to be written, in their order, and the count of those for which there was no place.
struct LogQueue {
  /// How much may wait.
  struct Limits: Hashable, Sendable {
    /// Lines of both priorities together.
    var lines = 16_384
    /// Bytes of both together.
    var bytes = 4 << 20
    /// The part of them that ordinary lines may take: the rest is kept for reserved ones.
    var ordinaryLines = 8_192
    var ordinaryBytes = 2 << 20
  }

  /// How many lines were lost, by what they were.
  struct Lost: Hashable, Sendable {
    var ordinary: UInt64 = 0
    var reserved: UInt64 = 0

    var isEmpty: Bool { self.ordinary == 0 && self.reserved == 0 }
  }

  /// What is to be written next.
  struct Batch: Hashable, Sendable {
    /// Whole lines.
    var bytes: [UInt8] = []
    /// Lines lost between these and the next ones.
    var lost = Lost()
  }

  private struct Line {
    var bytes: [UInt8]
    var priority: LogPriority
  }

  let limits: Limits
  /// Those before `first` have been taken.
  private var lines: [Line] = []
  private var first = 0
  private var bytes = 0
  private var ordinaryLines = 0
  private var ordinaryBytes = 0
  private(set) var lost = Lost()
  /// How many of the lines that wait came before the first that was lost.
  private var linesBeforeLoss = 0

  init(limits: Limits = Limits()) { self.limits = limits }

  var count: Int { self.lines.count - self.first }

  /// Whether nothing is to be written.
  var isEmpty: Bool { self.count == 0 && self.lost.isEmpty }

  /// Takes a line up, or counts it as lost.
  ///
  /// - Returns: whether it has a place.
  @discardableResult
  mutating func append(_ line: [UInt8], _ priority: LogPriority) -> Bool {
    guard self.hasPlace(for: line.count, priority) else {
      if self.lost.isEmpty { self.linesBeforeLoss = self.count }
      switch priority {
      case .ordinary: self.lost.ordinary += 1
      case .reserved: self.lost.reserved += 1
      }
      return false
    }
    self.lines.append(Line(bytes: line, priority: priority))
    self.bytes += line.count
    if priority == .ordinary {
      self.ordinaryLines += 1
      self.ordinaryBytes += line.count
    }
    return true
  }

  private func hasPlace(for bytes: Int, _ priority: LogPriority) -> Bool {
    guard self.count < self.limits.lines, bytes <= self.limits.bytes - self.bytes else { return false }
    return switch priority {
    case .ordinary:
      self.ordinaryLines < self.limits.ordinaryLines && bytes <= self.limits.ordinaryBytes - self.ordinaryBytes
    case .reserved: true
    }
  }

  /// Takes the lines that come next: as many as fit into `limit` bytes, but at least one. What was lost is said where it is
  /// missing.
  mutating func takeBatch(limit: Int) -> Batch {
    var batch = Batch()
    while self.count > 0 {
      if !self.lost.isEmpty, self.linesBeforeLoss == 0 { break }
      let line = self.lines[self.first]
      guard batch.bytes.isEmpty || batch.bytes.count + line.bytes.count <= limit else { return batch }
      batch.bytes += line.bytes
      self.removeFirst()
    }
    if !self.lost.isEmpty, self.linesBeforeLoss == 0 {
      batch.lost = self.lost
      self.lost = Lost()
    }
    return batch
  }

  private mutating func removeFirst() {
    let line = self.lines[self.first]
    self.lines[self.first].bytes = []
    self.first += 1
    self.bytes -= line.bytes.count
    if line.priority == .ordinary {
      self.ordinaryLines -= 1
      self.ordinaryBytes -= line.bytes.count
    }
    if self.linesBeforeLoss > 0 { self.linesBeforeLoss -= 1 }
    if self.first == self.lines.count {
      self.lines.removeAll(keepingCapacity: self.first <= 64)
      self.first = 0
    } else if self.first >= 1_024, self.first * 2 >= self.lines.count {
      // Moved at most once for each line.
      self.lines.removeFirst(self.first)
      self.first = 0
    }
  }
}
