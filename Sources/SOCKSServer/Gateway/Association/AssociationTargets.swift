import NIOCore
import SOCKSCore
import SOCKSNIO

/// What is known of one target of an association: an address field of RFC 1928, as the client wrote it.
final class AssociationTarget {
  enum State {
    /// Its name is being resolved; datagrams wait.
    case resolving(ConnectAttempt, waiting: [ByteBuffer])
    /// Until then datagrams go there.
    case reachable(AssociationPeer, until: NIODeadline)
    /// Until then datagrams are dropped.
    case refused(DatagramDrop, until: NIODeadline)
  }

  var state: State
  /// Of a name that was resolved: what was found, and until when it need not be resolved again.
  var answer: (answer: NameAnswer, until: NIODeadline)?
  fileprivate var lastUse: UInt64 = 0

  init(_ state: State) { self.state = state }
}

/// An address and port that datagrams are sent to, and may come from.
final class AssociationPeer {
  let socketAddress: SocketAddress
  let address: SOCKSAddress
  /// What holds for datagrams to it, and from it.
  var throttle: SessionThrottle?
  /// It may send to the client.
  fileprivate(set) var isAsked = false
  fileprivate var lastUse: UInt64 = 0

  init(_ address: IPAddress, port: UInt16) throws {
    self.socketAddress = try SocketAddress(address, port: port)
    self.address = SOCKSAddress(address, port: port)
  }

  var isV6: Bool { self.socketAddress.protocol == .inet6 }
}

/// The targets of an association, and whose replies it takes: two tables of the same bound, in which what was used
/// longest ago makes room. Nothing is allocated for a target that is known.
struct AssociationTargets {
  private let limit: Int
  private var targets: [ByteBuffer: AssociationTarget] = [:]
  private var peers: [SocketAddress: AssociationPeer] = [:]
  private var uses: UInt64 = 0

  /// - Parameter limit: entries of each table.
  init(limit: Int) { self.limit = limit }

  var count: Int { self.targets.count }
  var peerCount: Int { self.peers.count }

  /// The target with this address field.
  mutating func target(_ field: ByteBuffer) -> AssociationTarget? {
    guard let target = self.targets[field] else { return nil }
    self.uses += 1
    target.lastUse = self.uses
    return target
  }

  /// Remembers a target.
  ///
  /// - Returns: false when every one that is known waits for its name.
  mutating func add(_ target: AssociationTarget, _ field: ByteBuffer) -> Bool {
    if self.targets.count >= self.limit {
      var oldest: (field: ByteBuffer, use: UInt64)?
      for (field, target) in self.targets where !target.isResolving && target.lastUse < oldest?.use ?? .max {
        oldest = (field, target.lastUse)
      }
      guard let oldest else { return false }
      self.targets[oldest.field] = nil
    }
    self.uses += 1
    target.lastUse = self.uses
    // A copy: the field is part of a datagram.
    self.targets[ByteBuffer(bytes: field.readableBytesView)] = target
    return true
  }

  /// Something has been sent there: it may answer.
  mutating func asked(_ peer: AssociationPeer) {
    self.uses += 1
    peer.lastUse = self.uses
    guard !peer.isAsked else { return }
    peer.isAsked = true
    guard let known = self.peers[peer.socketAddress] else {
      if self.peers.count >= self.limit, let oldest = self.peers.min(by: { $0.value.lastUse < $1.value.lastUse }) {
        oldest.value.isAsked = false
        self.peers[oldest.key] = nil
      }
      self.peers[peer.socketAddress] = peer
      return
    }
    // The same address under two names: the entry lives as long as either is used.
    known.isAsked = false
    self.peers[peer.socketAddress] = peer
  }

  /// Who has sent from there, if something was sent there.
  func peer(at address: SocketAddress) -> AssociationPeer? { self.peers[address] }

  /// Forgets everything, and gives up what is being resolved.
  mutating func removeAll() {
    let targets = self.targets
    self.targets = [:]
    self.peers = [:]
    for target in targets.values {
      if case .resolving(let attempt, _) = target.state { attempt.giveUp() }
    }
  }
}

extension AssociationTarget {
  fileprivate var isResolving: Bool {
    if case .resolving = self.state { true } else { false }
  }
}
