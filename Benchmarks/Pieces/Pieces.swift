import NIOCore

/// Does one piece of the gateway's work over and over, for `dev/check-instructions` to count its instructions and
/// allocations: `pieces NAME TIMES`. Whoever counts does so for two numbers of times, and takes the difference.
///
/// No network, no library, no clock, no cipher: tokens are copied where they would be sealed, so that the figures are
/// those of our own code, and the same on every machine.
@main
struct Pieces {
  /// How often is often enough, by name: the more instructions a piece takes, the less.
  static let times = [
    "negotiation": 100, "wrap-16x16KiB": 100, "unwrap-16x16KiB": 100, "relayed-read-4KiB": 1_000,
    "message-up-16KiB": 500, "message-down-16KiB": 500, "datagram-in": 1_000, "datagram-out": 1_000,
    "policy-100-rules": 200,
  ]

  static func main() throws {
    let arguments = CommandLine.arguments
    if arguments.count == 2, arguments[1] == "list" {
      for (name, count) in self.times.sorted(by: { $0.key < $1.key }) { print(name, count) }
      return
    }
    guard arguments.count == 3, let times = Int(arguments[2]), times > 0 else {
      throw PieceError("usage: pieces list | pieces NAME TIMES")
    }
    switch arguments[1] {
    case "negotiation": try Negotiation.run(times)
    case "wrap-16x16KiB": try Encapsulation.wrap(times)
    case "unwrap-16x16KiB": try Encapsulation.unwrap(times)
    case "relayed-read-4KiB": try Relay.run(times, isProtected: false, direction: .up, octets: 4_096)
    case "message-up-16KiB": try Relay.run(times, isProtected: true, direction: .up, octets: 16_384)
    case "message-down-16KiB": try Relay.run(times, isProtected: true, direction: .down, octets: 16_384)
    case "datagram-in": try Datagrams.open(times)
    case "datagram-out": try Datagrams.protect(times)
    case "policy-100-rules": try Policy.run(times)
    default: throw PieceError("no piece is called \(arguments[1])")
    }
  }
}

/// A piece did not do what it should: then its figures mean nothing.
struct PieceError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
