public import SOCKSCore

/// Who a client is, by the method that was selected.
public enum AuthenticatedClient {
  /// RFC 1961: who the attributes say. From here on `engine` protects messages (``PerMessageProtection/engine``).
  case protected(AgreedProtection, engine: String)

  /// RFC 1961: who the attributes say. The session goes on unprotected, because the configuration says so.
  case unprotected(UnprotectedSession)

  /// RFC 1929: the user of this name.
  case user([UInt8])

  /// Method X'00': anybody.
  case unauthenticated
}
