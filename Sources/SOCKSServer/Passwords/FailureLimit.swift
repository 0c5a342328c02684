import NIOCore
import SOCKSCore

/// How many wrong passwords each client address may send: so many at once, and as many again over each minute.
struct FailureLimit {
  /// IPv6 hosts have a /64 to choose addresses from: they count as one.
  private static let v6PrefixLength = 64
  /// More addresses than these that have failed within a minute push out the ones that are nearest to being forgiven.
  static let maximumAddresses = 10_000

  /// When an address has served its failures, one after the other.
  private var forgiven: [IPAddress: NIODeadline] = [:]
  private let interval: TimeAmount
  private static let window: TimeAmount = .minutes(1)

  init(perMinute: Int) {
    self.interval = .nanoseconds(Self.window.nanoseconds / Int64(max(1, perMinute)))
  }

  var count: Int { self.forgiven.count }

  /// Whether a further failure would be one too many: the password is not even looked at.
  func isExhausted(_ address: IPAddress, now: NIODeadline) -> Bool {
    guard let forgiven = self.forgiven[Self.key(address)] else { return false }
    return forgiven - now > Self.window - self.interval
  }

  mutating func failed(_ address: IPAddress, now: NIODeadline) {
    let key = Self.key(address)
    if self.forgiven[key] == nil, self.forgiven.count >= Self.maximumAddresses { self.makeRoom(now) }
    self.forgiven[key] = max(now, self.forgiven[key] ?? now) + self.interval
  }

  /// Looks at all of them; it happens once for a failure, which costs far more.
  private mutating func makeRoom(_ now: NIODeadline) {
    self.forgiven = self.forgiven.filter { $0.value > now }
    guard self.forgiven.count >= Self.maximumAddresses,
      let first = self.forgiven.min(by: { $0.value < $1.value })
    else { return }
    self.forgiven.removeValue(forKey: first.key)
  }

  private static func key(_ address: IPAddress) -> IPAddress {
    address.bitWidth == 128 ? address.masked(to: Self.v6PrefixLength) : address
  }
}
