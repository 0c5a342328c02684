/// The keys of both directions of a session.
struct SessionKeys: ~Copyable {
  let sending: DirectionKeys
  let receiving: DirectionKeys

  /// Nil when the key has not the type's length, or when the cipher library fails.
  init?(from key: RawSpan, type: EncryptionType, isInitiator: Bool) {
    guard let sending = Self.direction(key, type, isInitiator ? .initiatorSeal : .acceptorSeal, enciphering: true),
      let receiving = Self.direction(key, type, isInitiator ? .acceptorSeal : .initiatorSeal, enciphering: false)
    else { return nil }
    self.sending = sending
    self.receiving = receiving
  }

  private static func direction(
    _ key: RawSpan, _ type: EncryptionType, _ usage: DirectionKeys.Usage, enciphering: Bool
  ) -> DirectionKeys? {
    unsafe key.withUnsafeBytes { octets in
      unsafe DirectionKeys(from: octets, type: type, usage: usage, enciphering: enciphering)
    }
  }
}
