import Logging
import NIOCore
import ProxySession
import SOCKSCore

/// What there is to say of one local connection when it has ended, in the fields of the gateway's record.
struct BridgeRecord {
  private let began: NIODeadline
  /// What was asked for; nil before there was a request.
  var target: SOCKSAddress?
  /// What was agreed with the gateway; nil before it has done what was asked.
  var agreed: String?
  var bytesUp: UInt64 = 0
  var bytesDown: UInt64 = 0
  /// Of an association.
  var drops: DatagramDrops?
  var outcome = SessionOutcome()

  init(began: NIODeadline) { self.began = began }

  private var end: SessionEnd { self.outcome.end ?? SessionEnd(.bug, "the session has no end") }

  /// For the program on this machine; the other hints there are, are for clients of a gateway.
  private var hint: String? {
    if case .foreignProtocol(let kind) = self.end.cause { kind.remedy } else { nil }
  }

  var targetText: String { escaped((self.target ?? .unspecified).description) }

  var level: Logger.Level { self.end.levelForItsUser }

  /// Sessions that are the same to anyone who reads the log.
  var kind: String { self.end.kind }

  func metadata(ended: NIODeadline) -> Logger.Metadata {
    var metadata = self.end.fields(of: .bridge, hint: self.hint)
    metadata["target"] = self.target.map { _ in "\(self.targetText)" }
    metadata["agreed"] = self.agreed.map { "\($0)" }
    metadata["bytes_up"] = "\(self.bytesUp)"
    metadata["bytes_down"] = "\(self.bytesDown)"
    metadata["dropped"] = self.drops.map { "\($0)" }
    metadata["duration_ms"] = "\((ended - self.began).nanoseconds / 1_000_000)"
    return metadata
  }
}
