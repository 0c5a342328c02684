/// Ports from one to another, both included: `22`, `8000-8100`.
public struct PortRange: Hashable, Sendable, CustomStringConvertible {
  public let ports: ClosedRange<UInt16>

  public init(_ ports: ClosedRange<UInt16>) {
    self.ports = ports
  }

  /// Reads `22` or `8000-8100`, with ports from 1 to 65535.
  public init(parsing text: String) throws(ValueError) {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false).map {
      decimal($0).flatMap(UInt16.init(exactly:))
    }
    guard (1...2).contains(ends.count), let first = ends.first ?? nil, let last = ends.last ?? nil, first >= 1 else {
      throw ValueError("expected a port from 1 to 65535, or a range such as 8000-8100, not \(quoted(text))")
    }
    guard first <= last else { throw ValueError("the range \(text) ends before it begins; write \(last)-\(first)") }
    ports = first...last
  }

  public func contains(_ port: UInt16) -> Bool { ports.contains(port) }

  public var description: String {
    ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound)-\(ports.upperBound)"
  }
}
