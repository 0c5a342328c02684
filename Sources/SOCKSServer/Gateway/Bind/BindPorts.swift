import Synchronization

/// The ports that BIND may listen on, and which of them are taken.
final class BindPorts: Sendable {
  /// How many ports are tried for one request: others on the machine may have taken some.
  static let maximumAttempts = 16

  private let range: PortRange?
  private let taken = Mutex<Set<UInt16>>([])

  /// - Parameter range: nil: the system chooses.
  init(_ range: PortRange?) { self.range = range }

  /// Takes a port that the gateway does not use; nil when there is none, or all were tried. Port 0 lets the system choose,
  /// and is not taken.
  ///
  /// - Parameter tried: ports that others have.
  func take(except tried: Set<UInt16>) -> UInt16? {
    guard let ports = self.range?.ports else { return tried.isEmpty ? 0 : nil }
    guard tried.count < Self.maximumAttempts else { return nil }
    // From anywhere on: nobody outside should know which port is next.
    let start = UInt16.random(in: ports)
    return self.taken.withLock { taken in
      let candidates = [start...ports.upperBound, ports.lowerBound...start].joined()
      guard let port = candidates.first(where: { !taken.contains($0) && !tried.contains($0) }) else { return nil }
      taken.insert(port)
      return port
    }
  }

  func giveBack(_ port: UInt16) { self.taken.withLock { _ = $0.remove(port) } }
}
