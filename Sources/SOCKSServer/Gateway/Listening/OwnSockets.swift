import Platform
import SOCKSCore
import Synchronization

/// Where the gateway itself can be reached now, its listeners and the sockets that requests have opened, so that nobody
/// is led back into it by accident.
final class OwnSockets: Sendable {
  /// By port: few requests ask for a port that is one of ours.
  private let addresses: Mutex<[UInt16: [IPAddress]]>

  init(_ listeners: [SOCKSAddress] = []) {
    self.addresses = Mutex([:])
    for listener in listeners { self.insert(listener) }
  }

  /// A socket has been opened. An unspecified address means all that the machine has, at any time.
  func insert(_ socket: SOCKSAddress) {
    guard case .address(let address) = socket.host else { return }
    self.addresses.withLock { $0[socket.port, default: []].append(address) }
  }

  /// It has been closed.
  func remove(_ socket: SOCKSAddress) {
    guard case .address(let address) = socket.host else { return }
    self.addresses.withLock { addresses in
      guard var left = addresses[socket.port], let index = left.firstIndex(of: address) else { return }
      left.remove(at: index)
      addresses[socket.port] = left.isEmpty ? nil : left
    }
  }

  /// Those of our sockets that somebody who is let through to an address would reach, for ``AccessEvaluation/route(to:ownListeners:)``.
  func endpoints(reachedBy address: IPAddress, port: UInt16) -> Set<ListenerEndpoint> {
    guard let own = self.addresses.withLock({ $0[port] }) else { return [] }
    let forms = [address] + address.carriedAddresses.map(\.address)
    let reaching = forms.filter { form in own.contains { Self.leads(form, to: $0) } }
    return Set(reaching.map { ListenerEndpoint(address: $0, port: port) })
  }

  private static func leads(_ address: IPAddress, to own: IPAddress) -> Bool {
    // What is the machine's is asked when it matters: addresses come and go.
    // An IPv6 socket takes IPv6 only. Where the system cannot say, for want of a descriptor, it is taken for our own.
    if own.isUnspecified {
      return own.bitWidth == address.bitWidth && (try? LocalAddress.isOwn(address.octets)) ?? true
    }
    // Linux connects the unspecified address to the loopback.
    return address == own || address.isUnspecified && [.v4(0x7F00_0001), .v6(high: 0, low: 1)].contains(own)
  }
}
