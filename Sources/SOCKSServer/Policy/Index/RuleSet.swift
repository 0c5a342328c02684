/// Some rules of a list, by their places in it: a bit for each.
struct RuleSet: Hashable, Sendable {
  /// As many as the last rule needs.
  private var words: [UInt64] = []

  mutating func insert(_ rule: Int) {
    let word = rule / UInt64.bitWidth
    while self.words.count <= word { self.words.append(0) }
    self.words[word] |= 1 << UInt64(rule % UInt64.bitWidth)
  }

  /// Copies nothing where one of the two is empty.
  mutating func formUnion(_ other: RuleSet) {
    var (longer, shorter) = (self.words, other.words)
    if longer.count < shorter.count { swap(&longer, &shorter) }
    self.words = []
    for index in shorter.indices { longer[index] |= shorter[index] }
    self.words = longer
  }

  mutating func formIntersection(_ other: RuleSet) {
    for index in self.words.indices {
      self.words[index] &= index < other.words.count ? other.words[index] : 0
    }
  }
}

extension RuleSet: Sequence {
  /// In the order of the rules.
  struct Iterator: IteratorProtocol {
    fileprivate let words: [UInt64]
    fileprivate var index = 0
    /// What is left of the current word.
    fileprivate var rest: UInt64

    mutating func next() -> Int? {
      while self.rest == 0 {
        self.index += 1
        guard self.index < self.words.count else { return nil }
        self.rest = self.words[self.index]
      }
      let bit = self.rest.trailingZeroBitCount
      self.rest &= self.rest - 1
      return self.index * UInt64.bitWidth + bit
    }
  }

  func makeIterator() -> Iterator { Iterator(words: self.words, rest: self.words.first ?? 0) }
}
