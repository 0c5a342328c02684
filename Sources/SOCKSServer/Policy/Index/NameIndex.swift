import SOCKSCore

/// Which rules have a pattern that matches a name: a tree of labels, walked from the last label to the first.
struct NameIndex: Sendable {
  private struct Node {
    /// By label, the places of the names that have one more label in front.
    var children: [ArraySlice<UInt8>: Int] = [:]
    /// Rules about this very name.
    var exact = RuleSet()
    /// Rules about all names below it.
    var below = RuleSet()
  }

  /// The first is the root of all names.
  private var nodes = [Node()]

  mutating func insert(_ rule: Int, _ pattern: NamePattern) {
    var node = 0
    for label in pattern.name.bytes.split(separator: UInt8(ascii: ".")).reversed() {
      if let child = self.nodes[node].children[label] {
        node = child
      } else {
        self.nodes[node].children[label] = self.nodes.count
        node = self.nodes.count
        self.nodes.append(Node())
      }
    }
    if pattern.coversSubdomains { self.nodes[node].below.insert(rule) } else { self.nodes[node].exact.insert(rule) }
  }

  /// Adds the rules to some others.
  func add(matching name: HostName, to found: inout RuleSet) {
    let bytes = name.bytes
    var node = 0
    var end = bytes.endIndex
    while true {
      let start = bytes[..<end].lastIndex(of: UInt8(ascii: ".")).map { $0 + 1 } ?? bytes.startIndex
      guard let child = self.nodes[node].children[bytes[start..<end]] else { return }
      node = child
      guard start > bytes.startIndex else { return found.formUnion(self.nodes[node].exact) }
      found.formUnion(self.nodes[node].below)
      end = start - 1
    }
  }
}
