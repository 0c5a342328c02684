import NIOCore
import NIOPosix
import Platform
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
      let own = both.filter { LocalAddress.isOwn($0.octets) }
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
    var open: [any Channel] = []
    for host in self.hosts {
      do {
        open += try await Self.open(host, bind)
      } catch {
        for channel in open { try? await channel.close() }
        throw error
      }
    }
    return open
  }

  private static func open(
    _ host: Host, _ bind: (SocketAddress) async throws -> any Channel
  ) async throws -> [any Channel] {
    var attempt = 1
    while true {
      var (open, port): ([any Channel], UInt16) = ([], host.port)
      for address in host.addresses {
        do {
          let channel = try await bind(SocketAddress(address, port: port))
          open.append(channel)
          port = channel.localAddress?.port.flatMap(UInt16.init(exactly:)) ?? port
        } catch {
          for channel in open { try? await channel.close() }
          // The port that the system chose for one address is another program's on the next.
          let isTaken = (error as? IOError)?.errnoCode == EADDRINUSE
          guard isTaken, host.port == 0, !open.isEmpty, attempt < Self.maximumAttempts else {
            let address = SOCKSAddress(address, port: port)
            throw BridgeError(.cannotListen, "cannot listen on \(address): \(escaped("\(error)"))")
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
