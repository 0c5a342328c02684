import NIOCore
import NIOPosix
import Platform
import ProxySession
import SOCKSCore
import SOCKSNIO

#if canImport(Glibc)
  import Glibc
#endif

extension SOCKSHost {
  /// The loopback addresses that this host names: one of 127.0.0.0/8, `::1`, or for `localhost`, without asking anybody
  /// (RFC 6761 section 6.3), 127.0.0.1 and `::1`, as far as the machine has them. None for other hosts.
  ///
  /// Programs differ in which of the two they try first, and not all try the other one.
  var loopbackAddresses: [IPAddress] {
    switch self {
    case .address(let address):
      return address.isLoopback ? [address] : []
    case .name(let name):
      guard name.isLocalhost else { return [] }
      let both: [IPAddress] = [.v4(0x7F00_0001), .v6(high: 0, low: 1)]
      let own = both.filter { (try? LocalAddress.isOwn($0.octets)) ?? true }
      // Without any the error of the system's is the better one.
      return own.isEmpty ? [both[0]] : own
    case .unconverted, .malformed:
      return []
    }
  }
}

/// Where to listen for local programs: loopback addresses only.
struct LoopbackEndpoints: Sendable {
  /// The addresses of one host, which get the same port.
  private struct Host: Sendable {
    let addresses: [IPAddress]
    let port: UInt16
  }

  private let hosts: [Host]

  /// Ports that the system is asked for until one is free on each address of a host.
  static let maximumAttempts = 16

  /// - Throws: `notLoopback` for an address that other machines reach; `what` is who would listen there.
  init(_ listen: [SOCKSAddress], what: String, who: String) throws(BridgeError) {
    var hosts: [Host] = []
    for address in listen {
      let loopback = address.host.loopbackAddresses
      guard !loopback.isEmpty else {
        throw BridgeError(
          .notLoopback,
          "\(what) listens on loopback addresses only, not on \(escaped(address.host.description)): everybody who can "
            + "\(who) would act with your ticket")
      }
      hosts.append(Host(addresses: loopback, port: address.port))
    }
    self.hosts = hosts
  }

  /// Opens a socket on each address, or none.
  ///
  /// - Parameter bind: opens one; port 0 lets the system choose.
  /// - Throws: `cannotListen`.
  func open(_ bind: (SocketAddress) async throws -> any Channel) async throws -> [any Channel] {
    try await self.open(bind, address: { $0.localAddress }, close: { try? await $0.close() })
  }

  /// The same, for whatever it is that listens.
  ///
  /// - Parameter address: where it is bound, with the real port.
  func open<Listener>(
    _ bind: (SocketAddress) async throws -> Listener, address: (Listener) -> SocketAddress?,
    close: (Listener) async -> Void
  ) async throws -> [Listener] {
    var open: [Listener] = []
    for host in self.hosts {
      do {
        open += try await Self.open(host, bind, address, close)
      } catch {
        for listener in open { await close(listener) }
        throw error
      }
    }
    return open
  }

  private static func open<Listener>(
    _ host: Host, _ bind: (SocketAddress) async throws -> Listener, _ bound: (Listener) -> SocketAddress?,
    _ close: (Listener) async -> Void
  ) async throws -> [Listener] {
    var attempt = 1
    while true {
      var (open, port): ([Listener], UInt16) = ([], host.port)
      for address in host.addresses {
        do {
          let listener = try await bind(SocketAddress(address, port: port))
          open.append(listener)
          port = bound(listener)?.port.flatMap(UInt16.init(exactly:)) ?? port
        } catch {
          for listener in open { await close(listener) }
          // The port that the system chose for one address is another program's on the next.
          let isTaken = (error as? IOError)?.errnoCode == EADDRINUSE
          guard isTaken, host.port == 0, !open.isEmpty, attempt < Self.maximumAttempts else {
            let address = SOCKSAddress(address, port: port)
            throw BridgeError(.cannotListen, "cannot listen on \(address): \(escaped(words(forListening: error)))")
          }
          open = []
          break
        }
      }
      if !open.isEmpty { return open }
      attempt += 1
    }
  }
}
