/// Who decides and acts for a connection that ``ServerNegotiationHandler`` negotiates. A conforming class belongs to the
/// channel's event loop.
public protocol ServerNegotiationDelegate: AnyObject {
  /// Called on the channel's event loop, for each event, in order.
  func negotiation(_ event: ServerNegotiationEvent)
}
