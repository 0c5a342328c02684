import ProxySession

extension Session {
  /// What counts the session's sockets.
  var descriptors: SessionDescriptors { SessionDescriptors(self.services.registry.ledger, id: self.record.id) }
}
