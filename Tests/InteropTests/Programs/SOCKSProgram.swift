/// A program of Debian's that speaks SOCKS5 and knows nothing of RFC 1961: how it fetches `/page` through a proxy.
///
/// In the scripts `$1` is the proxy's port on 127.0.0.1, `$2` the port and `$3` the name of the target, `$4` a folder for
/// the program's own files.
struct SOCKSProgram: Sendable, CustomStringConvertible {
  static let user = "alice"
  static let password = "a secret"
  static let page = "the page"

  let name: String
  /// With no authentication. What it prints ends with the page, or is the target's certificate.
  let script: String
  /// With ``user`` and ``password``; nil where the program has no way to send them.
  let withPassword: String?
  /// It makes a TLS connection, and shows the certificate.
  var wantsCertificate = false

  var description: String { self.name }

  static let all = [Self.curl, ncat, netcat, connectProxy, proxychains, pySocks, socksify, java]

  static let curl = SOCKSProgram(
    name: "curl",
    script: #"curl --silent --show-error --proxy "socks5h://127.0.0.1:$1" "http://$3:$2/page""#,
    withPassword: """
      curl --silent --show-error --proxy "socks5h://127.0.0.1:$1" --proxy-user '\(user):\(password)' "http://$3:$2/page"
      """)

  static let ncat = SOCKSProgram(
    name: "ncat",
    script: request + #"ncat --proxy "127.0.0.1:$1" --proxy-type socks5 --proxy-dns remote "$3" "$2""#,
    withPassword: request + """
      ncat --proxy "127.0.0.1:$1" --proxy-type socks5 --proxy-dns remote --proxy-auth '\(user):\(password)' "$3" "$2"
      """)

  static let netcat = SOCKSProgram(
    name: "nc of OpenBSD", script: request + #"nc.openbsd -X 5 -x "127.0.0.1:$1" "$3" "$2""#, withPassword: nil)

  static let connectProxy = SOCKSProgram(
    name: "connect-proxy", script: request + #"connect-proxy -5 -S "127.0.0.1:$1" -R remote "$3" "$2""#,
    withPassword: """
      export SOCKS5_PASSWORD='\(password)'
      \(request)connect-proxy -5 -S "\(user)@127.0.0.1:$1" -R remote "$3" "$2"
      """)

  static let proxychains = SOCKSProgram(
    name: "proxychains4",
    script: """
      printf 'strict_chain\\nproxy_dns\\n[ProxyList]\\nsocks5 127.0.0.1 %s\\n' "$1" >"$4/proxychains.conf"
      proxychains4 -q -f "$4/proxychains.conf" curl --silent --show-error "http://$3:$2/page"
      """,
    // Its file knows no quotes: a password with a space cannot be written there.
    withPassword: nil)

  static let pySocks = SOCKSProgram(
    name: "PySocks", script: python + #"/usr/bin/python3 "$4/fetch.py" "$1" "$2" "$3""#,
    withPassword: python + #"/usr/bin/python3 "$4/fetch.py" "$1" "$2" "$3" '\#(user)' '\#(password)'"#)

  static let socksify = SOCKSProgram(
    name: "socksify of Dante",
    script: Self.danteConfiguration(method: "none")
      + #"SOCKS_CONF="$4/dante.conf" socksify curl --silent --show-error "http://$3:$2/page""#,
    withPassword: Self.danteConfiguration(method: "username") + """
      export SOCKS_USERNAME='\(user)' SOCKS_PASSWORD='\(password)'
      SOCKS_CONF="$4/dante.conf" socksify curl --silent --show-error "http://$3:$2/page"
      """)

  /// keytool is in the smallest package with a Java. A password would be for an Authenticator of the program's to give;
  /// without one Java sends the name of its user, and nothing for a password.
  static let java = SOCKSProgram(
    name: "Java",
    script: """
      keytool -J-DsocksProxyHost=127.0.0.1 "-J-DsocksProxyPort=$1" -J-DsocksNonProxyHosts= -printcert -rfc \
        -sslserver "$3:$2"
      """,
    withPassword: nil, wantsCertificate: true)

  /// Its log goes to a file; addresses of the machine's own networks go through the proxy, too.
  static func danteConfiguration(method: String) -> String {
    """
    export SOCKS_AUTOADD_LANROUTES=no
    cat >"$4/dante.conf" <<END
    logoutput: $4/dante.log
    resolveprotocol: fake
    route {
      from: 0.0.0.0/0 to: 0.0.0.0/0 via: 127.0.0.1 port = $1
      proxyprotocol: socks_v5
      method: \(method)
      command: connect bind bindreply udpassociate udpreply
      protocol: tcp udp
    }
    END

    """
  }

  private static let request = #"printf 'GET /page HTTP/1.0\r\n\r\n' | "#

  private static let python = """
    cat >"$4/fetch.py" <<END
    import socks, sys
    proxy, port, host, *login = sys.argv[1:]
    sock = socks.socksocket()
    sock.set_proxy(socks.SOCKS5, "127.0.0.1", int(proxy), True, *login)
    sock.connect((host, int(port)))
    sock.sendall(b"GET /page HTTP/1.0\\r\\n\\r\\n")
    while octets := sock.recv(65536):
        sys.stdout.write(octets.decode())
    END

    """
}
