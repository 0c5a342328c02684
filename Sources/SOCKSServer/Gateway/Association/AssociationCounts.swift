import Logging
import SOCKSCore

/// What an association has relayed, and what it has not.
struct AssociationCounts: Hashable, Sendable {
  var datagramsFromClient: UInt64 = 0
  var datagramsFromTargets: UInt64 = 0
  /// Bytes of data, without headers and tokens.
  var bytesFromClient: UInt64 = 0
  var bytesFromTargets: UInt64 = 0
  var drops = DatagramDrops()
  /// What refused the first target that a rule refused.
  var refusingRule: String?

  /// For the session's record.
  var metadata: Logger.Metadata {
    var metadata: Logger.Metadata = [
      "datagrams_up": "\(self.datagramsFromClient)",
      "datagrams_down": "\(self.datagramsFromTargets)",
      "bytes_up": "\(self.bytesFromClient)",
      "bytes_down": "\(self.bytesFromTargets)",
      "dropped": "\(self.drops.total)",
    ]
    for (reason, count) in self.drops.reasons { metadata["dropped_\(reason.field)"] = "\(count)" }
    return metadata
  }
}

extension DatagramDrop {
  /// The reason as part of a field's name.
  fileprivate var field: String { self.description.replacing("-", with: "_") }
}
