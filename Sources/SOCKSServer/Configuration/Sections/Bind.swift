public import SOCKSCore

extension Configuration {
  /// `bind`: how the gateway listens for the peers of BIND requests. Who may ask for it is said by rules.
  public struct Bind: Hashable, Sendable {
    /// `listen_address`: an address of this machine to listen on. Default: the one from which the machine would reach the
    /// peer; for any peer, the one at which the client has reached the gateway. For a peer of the other family the default
    /// holds.
    public var listenAddress: IPAddress?
    /// `advertise_address`: the address that clients are given instead of the one that is listened on, where the network
    /// translates it; of the same family. Default: the address that is listened on.
    public var advertiseAddress: IPAddress?
    /// `ports`: a range of ports to listen on, such as `40000-40999`. Default: the system chooses.
    public var ports: PortRange?
    /// `timeout`: how long a peer is waited for. 1ms to 1h. Default: 2m.
    public var timeout: Duration = .seconds(120)

    public init() {}

    static let timeouts: ClosedRange<Duration> = .milliseconds(1) ... .seconds(3600)

    /// What the client is given for a socket.
    func advertised(for socket: SOCKSAddress) -> SOCKSAddress {
      guard case .address(let own) = socket.host, let address = self.advertiseAddress, own.bitWidth == address.bitWidth
      else { return socket }
      return SOCKSAddress(address, port: socket.port)
    }
  }
}
