import FoundationEssentials
import ThrowawayRealm

/// A realm and a machine for tests of the gateway's name: DNS (here the hosts file of a mount namespace) says that
/// `gw.test` and other names are aliases of `evil.test`. Needs root.
struct NamedGateway: Sendable {
  /// The values of `dns_canonicalize_hostname` and `rdns` that a `krb5.conf` may have.
  static let resolutions = ["true", "fallback", "false"].flatMap { canonicalize in
    ["true", "false"].map { Resolution(canonicalize: canonicalize, reverse: $0) }
  }

  struct Resolution: Hashable, Sendable {
    let canonicalize: String
    let reverse: String
  }

  let own: OwnRealm
  let hosts: String

  static func lend<Result>(_ body: (NamedGateway) async throws -> Result) async throws -> Result {
    try await OwnRealm.lend { own in
      let named = NamedGateway(own: own, hosts: "\(own.realm.folder)/hosts")
      // The first name is the canonical one, and the one of the address.
      try named.write("127.0.0.1 evil.test gw.test alias.test real.test lost.test short nomap.example\n", to: "hosts")
      for host in ["gw.test", "evil.test", "real.test"] { try await own.realm.addPrincipal("socks/\(host)") }
      try await own.realm.exportKeytab(["socks/gw.test"], to: own.keytab)
      for resolution in Self.resolutions { try await named.makeConfiguration(resolution) }
      return try await body(named)
    }
  }

  func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: URL(filePath: "\(self.own.realm.folder)/\(name)"))
  }

  func configuration(_ resolution: Resolution) -> String {
    "\(self.own.realm.folder)/krb5-\(resolution.canonicalize)-\(resolution.reverse).conf"
  }

  private func makeConfiguration(_ resolution: Resolution) async throws {
    try await Script(
      text:
        #"sed -e "s/dns_canonicalize_hostname = .*/dns_canonicalize_hostname = $3/" -e "s/rdns = .*/rdns = $4/" "$1" >"$2""#,
      arguments: [
        self.own.realm.configurationPath, self.configuration(resolution), resolution.canonicalize, resolution.reverse,
      ]
    ).succeed()
  }

  /// A script that runs with the hosts file.
  func script(_ text: String, _ arguments: [String] = [], environment: [String: String?]) -> Script {
    Script(text: Self.inNamespace(text), arguments: [self.hosts] + arguments, environment: environment)
  }

  /// `garter connect` to a gateway of this name on a local port, with the hosts file.
  func garter(
    _ host: String, port: Substring, options: [String] = [], environment: [String: String?],
    nameserver: String? = nil
  ) async throws -> Script.Ending {
    let command =
      [try Programs.garter(), "connect", "--verbose", "--gateway", "\(host):\(port)"] + Programs.engineOptions + options
    return try await self.script(
      (nameserver.map { "mount --bind \($0) /etc/resolv.conf; " } ?? "") + #"exec "$@" </dev/null"#,
      command + ["127.0.0.1", "\(self.own.realm.port)"], environment: environment
    ).run()
  }

  private static func inNamespace(_ text: String) -> String {
    """
    hosts=$1; shift
    exec unshare --mount --propagation private -- sh -c 'mount --bind "$1" /etc/hosts && shift && eval "$0"' \
      "$(cat <<'END'
    \(text)
    END
    )" "$hosts" "$@"
    """
  }

  /// Another program of the user's, which authenticates to host-based services and fills the cache as its `krb5.conf` says.
  func fillCache(_ hosts: [String], environment: [String: String?]) async throws {
    let program = """
      import gssapi, sys
      for host in sys.argv[1:]:
          name = gssapi.Name("socks@" + host, gssapi.NameType.hostbased_service)
          try:
              gssapi.SecurityContext(name=name, usage="initiate").step()
          except gssapi.exceptions.GSSError as error:
              print(error, file=sys.stderr)
      """
    try await self.script(
      #"exec /usr/bin/python3 -c "$@""#, [program] + hosts, environment: environment
    ).succeed()
  }

  /// A server that chooses GSS-API, and reports in hexadecimal all that each client sends.
  func recordingServer<Result>(_ body: (ListeningChild) async throws -> Result) async throws -> Result {
    let program = """
      import json, socket
      server = socket.create_server(("127.0.0.1", 0))
      print(json.dumps({"listening": server.getsockname()[1]}), flush=True)
      while True:
          client, _ = server.accept()
          client.settimeout(30)
          received = client.recv(65536)
          client.sendall(bytes([5, 1]))
          while more := client.recv(65536):
              received += more
              if len(received) > 3: break
          client.close()
          print(json.dumps({"received": received.hex()}), flush=True)
      """
    return try await ListeningChild.run(["/usr/bin/python3", "-c", program], body)
  }

  /// A `krb5.conf` that maps no host to a realm, and lets DNS do so.
  func configurationWithRealmsOfDNS() async throws -> String {
    let path = "\(self.own.realm.folder)/krb5-realms.conf"
    try await Script(
      text: #"sed -e "s/dns_lookup_realm = .*/dns_lookup_realm = true/" -e "/domain_realm/,\$d" "$1" >"$2""#,
      arguments: [self.own.realm.configurationPath, path]
    ).succeed()
    return path
  }

  /// A DNS server that knows no name, on a loopback address of its own, and a `resolv.conf` for it. It also chooses GSS-API
  /// on the port that it reports. Lists the names that it was asked for since the last time.
  func resolver<Result>(_ body: (ListeningChild, _ file: String) async throws -> Result) async throws -> Result {
    let address = "127.\(Int.random(in: 1...254)).\(Int.random(in: 1...254)).\(Int.random(in: 1...254))"
    try self.write("nameserver \(address)\noptions timeout:1 attempts:1\n", to: "resolv.conf")
    let program = """
      import json, socket, sys, threading
      dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      dns.bind((sys.argv[1], 53))
      queries = []
      def answer():
          while True:
              data, sender = dns.recvfrom(4096)
              labels, at = [], 12
              while data[at]:
                  labels.append(data[at + 1 : at + 1 + data[at]].decode())
                  at += 1 + data[at]
              queries.append(".".join(labels))
              dns.sendto(data[:2] + bytes([0x81, 0x83]) + data[4:6] + bytes(6) + data[12 : at + 5], sender)
      server = socket.create_server(("127.0.0.1", 0))
      def serve():
          while True:
              client, _ = server.accept()
              client.recv(4096)
              client.sendall(bytes([5, 1]))
              client.recv(4096)
              client.close()
      for work in answer, serve:
          threading.Thread(target=work, daemon=True).start()
      print(json.dumps({"listening": server.getsockname()[1]}), flush=True)
      for line in sys.stdin:
          print(json.dumps({"queries": queries}), flush=True)
          queries.clear()
      """
    return try await ListeningChild.run(["/usr/bin/python3", "-c", program, address]) { child in
      try await body(child, "\(self.own.realm.folder)/resolv.conf")
    }
  }
}
