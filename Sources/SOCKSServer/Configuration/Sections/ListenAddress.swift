public import SOCKSCore

/// An address and port to listen on. Port 0 lets the system choose one.
public struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
  public let address: IPAddress
  public let port: UInt16

  public init(address: IPAddress, port: UInt16) {
    self.address = address
    self.port = port
  }

  /// Reads `127.0.0.1:1080` or `[::1]:1080`. An IPv4-mapped address is the IPv4 address.
  public init(parsing text: String) throws(ValueError) {
    let expectation = "expected an address and a port such as 127.0.0.1:1080 or [::1]:1080"
    guard let colon = text.lastIndex(of: ":") else { throw ValueError("\(expectation), not \(quoted(text))") }
    var host = text[..<colon]
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    if isBracketed { host = host.dropFirst().dropLast() }
    if !isBracketed, host.contains(":") {
      throw ValueError("\(expectation); an IPv6 address is written in brackets")
    }
    if host.isEmpty || host == "*" {
      throw ValueError("\(expectation); to listen everywhere write 0.0.0.0 or [::]")
    }
    guard let address = IPAddress(host), isBracketed == host.utf8.contains(UInt8(ascii: ":")) else {
      throw ValueError("\(expectation), not \(quoted(text)); names are not resolved here")
    }
    guard let port = decimal(text[text.index(after: colon)...]).flatMap(UInt16.init(exactly:)) else {
      throw ValueError("\(expectation); a port is a number from 0 to 65535")
    }
    let kinds = SpecialAddress.ranges(of: address).map(\.kind)
    if address.bitWidth == 128, kinds.contains(.linkLocal) {
      throw ValueError("\(quoted(text)) is link-local, and needs an interface; listen on [::] or on another address")
    }
    if kinds.contains(.multicast) || kinds.contains(.broadcast) {
      throw ValueError("\(quoted(text)) is not the address of a host")
    }
    self.init(address: address, port: port)
  }

  public var description: String {
    address.bitWidth == 128 ? "[\(address)]:\(port)" : "\(address):\(port)"
  }
}
