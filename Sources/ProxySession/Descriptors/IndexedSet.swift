/// A set of which one element can be drawn at random.
struct IndexedSet<Element: Hashable & Sendable>: Sendable {
  private var elements: [Element] = []
  private var places: [Element: Int] = [:]

  var count: Int { self.elements.count }

  mutating func insert(_ element: Element) {
    guard self.places[element] == nil else { return }
    self.places[element] = self.elements.count
    self.elements.append(element)
  }

  /// - Returns: whether it was there.
  @discardableResult mutating func remove(_ element: Element) -> Bool {
    guard let place = self.places.removeValue(forKey: element) else { return false }
    let last = self.elements.removeLast()
    guard place < self.elements.count else { return true }
    self.elements[place] = last
    self.places[last] = place
    return true
  }

  /// - Parameter random: a number below the one given.
  func drawn(_ random: (Int) -> Int) -> Element? {
    self.elements.isEmpty ? nil : self.elements[random(self.elements.count)]
  }
}
