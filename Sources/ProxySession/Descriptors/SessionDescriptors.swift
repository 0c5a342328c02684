public import NIOCore

/// The descriptors of one session.
public struct SessionDescriptors: Sendable {
  private let ledger: DescriptorLedger
  private let id: UInt64

  /// - Parameter id: the session's number, for which ``DescriptorLedger/sessionBegan(_:)`` was called.
  public init(_ ledger: DescriptorLedger, id: UInt64) {
    self.ledger = ledger
    self.id = id
  }

  /// Counts a socket of the session until its channel has closed.
  ///
  /// - Throws: ``SessionEnd/Limit/descriptors`` when there are too few descriptors.
  public func take(for channel: any Channel) throws(SessionEnd) { try self.ledger.take(for: channel, of: self.id) }
}
