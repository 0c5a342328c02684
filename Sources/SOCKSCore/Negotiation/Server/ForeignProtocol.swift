public import NIOCore

/// A protocol other than SOCKS5, recognized by the first bytes that a client sends. None of them can begin a SOCKS5
/// greeting, whose first octet is X'05' (RFC 1928 section 3).
public enum ForeignProtocol: String, Hashable, Sendable, CaseIterable {
  case http
  case tls
  case ssh
  case socks4
  /// The header of HAProxy's PROXY protocol, version 1 or 2.
  case proxyHeader = "proxy-header"
  case unknown

  /// The most bytes that are looked at: the signature of a PROXY header, version 2. An HTTP method is shorter.
  public static let longestPrefix = 12

  public enum Recognition: Hashable, Sendable {
    /// The bytes so far begin several protocols, or may turn out to be none.
    case undecided
    case recognized(ForeignProtocol)
  }

  /// What bytes that do not begin with X'05' are.
  ///
  /// - Parameter bytes: all that has come so far, or at least the first ``longestPrefix`` of it.
  public static func recognize(_ bytes: some Collection<UInt8>) -> Recognition {
    let bytes = bytes.prefix(self.longestPrefix)
    var isUndecided = bytes.isEmpty
    for (prefix, kind) in self.prefixes {
      if bytes.starts(with: prefix) { return .recognized(kind) }
      if prefix.starts(with: bytes) { isUndecided = true }
    }
    return isUndecided ? .undecided : .recognized(.unknown)
  }

  /// SOCKS4's commands are CONNECT and BIND. A TLS record that may come first is a handshake, of version 3.x. The methods are those of
  /// RFC 9110, PATCH (RFC 5789), PROPFIND (RFC 4918) and the preface of HTTP/2 (RFC 9113 section 3.4).
  private static let prefixes: [([UInt8], ForeignProtocol)] =
    [
      ([0x04, 0x01], .socks4), ([0x04, 0x02], .socks4),
      ([0x16, 0x03], .tls),
      ([0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A], .proxyHeader),
      (Array("PROXY ".utf8), .proxyHeader),
      (Array("SSH-".utf8), .ssh),
    ]
    + ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "PRI"]
    .map { (Array("\($0) ".utf8), .http) }

  /// What is sent before the connection is closed: an answer in the client's own protocol, where it has one that people get
  /// to see.
  public var answer: ByteBuffer? {
    switch self {
    case .http:
      let text = "This is a SOCKS5 proxy, not an HTTP proxy: set the proxy's type to SOCKS5 (socks5h://).\n"
      return ByteBuffer(
        string: "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: \(text.utf8.count)\r\n"
          + "Connection: close\r\n\r\n\(text)")
    case .socks4:
      // "91: request rejected or failed"; port and address are ignored.
      return ByteBuffer(bytes: [0x00, 0x5B, 0, 0, 0, 0, 0, 0])
    case .tls, .ssh, .proxyHeader, .unknown:
      return nil
    }
  }

  /// What was seen, for the log.
  public var summary: String {
    switch self {
    case .http: "the client speaks HTTP, not SOCKS5"
    case .tls: "the client speaks TLS, not SOCKS5"
    case .ssh: "the client speaks SSH, not SOCKS5"
    case .socks4: "the client speaks SOCKS4, not SOCKS5"
    case .proxyHeader: "the connection begins with a PROXY protocol header, not with SOCKS5"
    case .unknown: "the client does not speak SOCKS5"
    }
  }

  /// How to fix it; nil where the bytes do not say what the program is.
  public var remedy: String? {
    switch self {
    case .http: "set the program's proxy type to SOCKS5 (socks5h://), not HTTP"
    case .tls: "the program uses an https:// proxy, or TLS to the wrong port; set its proxy type to SOCKS5 (socks5h://)"
    case .ssh:
      "use the gateway as a proxy, not as the SSH server: ProxyCommand 'garter connect --gateway GATEWAY %h %p'"
    case .socks4: "SOCKS4 has no authentication; set the program's proxy type to SOCKS5 (socks5h://)"
    case .proxyHeader:
      "a load balancer sends PROXY protocol headers; switch them off there (HAProxy: remove send-proxy)"
    case .unknown: nil
    }
  }
}
