import NIOCore
import Platform
import SOCKSCore
import SOCKSNIO

/// Decides whether a local datagram comes from a process of the right user. The kernel is asked again after a while,
/// since a port may change hands; not for every datagram, since reading its tables takes about a millisecond.
struct LocalDatagramSource {
  /// For how long an answer is good.
  static let answerTime: TimeAmount = .seconds(1)
  /// For how long nothing is asked after a "no": other users' processes may not keep the loop busy.
  static let pauseTime: TimeAmount = .milliseconds(20)

  typealias Ask = (_ sender: SocketEndpoint, _ receiver: SocketEndpoint) -> UserID?

  private let user: UserID
  private let ask: Ask
  private var pausesUntil: NIODeadline?

  init(user: UserID, ask: @escaping Ask = { SocketOwner.userID(sender: $0, receiver: $1) }) {
    self.user = user
    self.ask = ask
  }

  /// - Parameters:
  ///   - checked: when the kernel last said yes for this sender, if it did; brought up to date.
  /// - Returns: whether the datagram may be used.
  mutating func admits(
    sender: SocketAddress, receiver: SocketAddress, checked: inout NIODeadline?, now: NIODeadline
  ) -> Bool {
    if let checked, now - checked < Self.answerTime { return true }
    if let pausesUntil = self.pausesUntil, now < pausesUntil { return false }
    guard let sender = sender.endpoint, let receiver = receiver.endpoint, self.ask(sender, receiver) == self.user else {
      checked = nil
      self.pausesUntil = now + Self.pauseTime
      return false
    }
    checked = now
    return true
  }
}
