import Platform

/// Two hosts in network namespaces of their own, and a router with NAT between them. Needs root.
///
/// The client is at 198.51.100.2 and sees the gateway as 198.51.100.1, an address of the router, which passes TCP port
/// 1080, TCP ports 41000–41009 and UDP ports 40000–40009 on to the gateway at 10.77.0.2. What goes to the gateway's port
/// 1080 and to its UDP ports comes from the router's own address; peers that connect keep theirs. With IPv6 there is no
/// NAT: the client is at 2001:db8:1::2, the gateway at 2001:db8:2::2. The router's own addresses are 10.77.0.1 and
/// 2001:db8:2::1.
struct TwoHosts: Sendable {
  let name: String

  var client: [String] { ["ip", "netns", "exec", "\(self.name)-client"] }
  var gateway: [String] { ["ip", "netns", "exec", "\(self.name)-gateway"] }
  var router: [String] { ["ip", "netns", "exec", "\(self.name)-router"] }

  /// Makes them, lends them, and takes them away.
  static func run<Result>(_ body: (TwoHosts) async throws -> Result) async throws -> Result {
    guard currentUserID() == 0 else { throw NotRootError() }
    let hosts = TwoHosts(name: "garter-\(UInt32.random(in: 0 ... .max))")
    do {
      try await Script(text: Self.setUp, arguments: [hosts.name]).succeed()
      let result = try await body(hosts)
      try await Script(text: Self.takeAway, arguments: [hosts.name]).succeed()
      return result
    } catch {
      _ = try? await Script(text: Self.takeAway, arguments: [hosts.name]).run()
      throw error
    }
  }

  private static let setUp = """
    set -eu
    client=$1-client router=$1-router gateway=$1-gateway
    for host in "$client" "$router" "$gateway"; do
      ip netns add "$host"
      ip -n "$host" link set lo up
    done
    ip -n "$router" link add outside type veth peer name eth0 netns "$client"
    ip -n "$router" link add inside type veth peer name eth0 netns "$gateway"
    ip -n "$client" addr add 198.51.100.2/24 dev eth0
    ip -n "$client" addr add 2001:db8:1::2/64 dev eth0 nodad
    ip -n "$router" addr add 198.51.100.1/24 dev outside
    ip -n "$router" addr add 2001:db8:1::1/64 dev outside nodad
    ip -n "$router" addr add 10.77.0.1/24 dev inside
    ip -n "$router" addr add 2001:db8:2::1/64 dev inside nodad
    ip -n "$gateway" addr add 10.77.0.2/24 dev eth0
    ip -n "$gateway" addr add 2001:db8:2::2/64 dev eth0 nodad
    ip -n "$client" link set eth0 up
    ip -n "$gateway" link set eth0 up
    ip -n "$router" link set outside up
    ip -n "$router" link set inside up
    ip -n "$gateway" route add default via 10.77.0.1
    ip -n "$gateway" route add default via 2001:db8:2::1
    ip -n "$client" route add default via 2001:db8:1::1
    ip netns exec "$router" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
    ip netns exec "$router" nft -f - <<END
    table ip nat {
      chain prerouting {
        type nat hook prerouting priority dstnat
        iifname "outside" tcp dport { 1080, 41000-41009 } dnat to 10.77.0.2
        iifname "outside" udp dport 40000-40009 dnat to 10.77.0.2
      }
      chain postrouting {
        type nat hook postrouting priority srcnat
        oifname "inside" tcp dport 1080 masquerade
        oifname "inside" udp dport 40000-40009 masquerade random
      }
    }
    END
    """

  private static let takeAway = """
    for host in client router gateway; do ip netns del "$1-$host" || status=1; done
    exit ${status:-0}
    """
}

/// A test that needs root, without it.
struct NotRootError: Error, CustomStringConvertible {
  var description: String { "this test makes network namespaces, and needs root for it" }
}
