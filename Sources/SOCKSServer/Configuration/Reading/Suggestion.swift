/// Finds what somebody may have meant to write.
enum Suggestion {
  /// The nearest of some words, when it is near enough to be a typing error.
  static func nearest(to word: String, among known: [String]) -> String? {
    // Longer words are no slips, and would take long to compare.
    guard word.utf8.count <= 64 else { return nil }
    let ranked = known.map { (word: $0, distance: distance(normalized(word), normalized($0))) }
      .min { $0.distance < $1.distance }
    guard let ranked, ranked.distance <= max(1, ranked.word.utf8.count / 3) else { return nil }
    return ranked.word
  }

  private static func normalized(_ word: String) -> [UInt8] {
    word.lowercased().utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
  }

  /// How many octets have to be put in, taken out, changed, or swapped with their neighbour.
  private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for (row, mine) in left.enumerated() {
      var current = [row + 1]
      for (column, other) in right.enumerated() {
        var best = min(last[column + 1] + 1, current[column] + 1, last[column] + (mine == other ? 0 : 1))
        if row > 0, column > 0, mine == right[column - 1], left[row - 1] == other {
          best = min(best, beforeLast[column - 1] + 1)
        }
        current.append(best)
      }
      (beforeLast, last) = (last, current)
    }
    return last[right.count]
  }
}
