/// What a keytab holds, without its keys. Asked of libkrb5, since GSS-API has no call for it.
public enum KerberosKeytab {
  public struct Entry: Hashable, Sendable {
    /// The principal as text. Of any content: escape it where it is shown or logged.
    public let principal: String
    /// The principal in its parts; `nil` where it has more, or longer ones, than a served principal can have.
    public let server: KerberosTicketServer?
    /// The key version number.
    public let version: UInt32
    /// The key's encryption type (RFC 3961).
    public let encryptionType: Int32
  }

  /// The most entries that are looked at.
  public static let maximumEntries = 10_000

  /// The entries of a keytab, in its order. Reads files: keep it off event loops.
  ///
  /// - Parameter name: in the library's spelling: a path, or `TYPE:NAME`.
  public static func entries(of name: String) throws(GSSError) -> [Entry] {
    var result: [Entry] = []
    try OpenKeytab(name).forEachEntry { entry throws(GSSError) in
      result.append(
        Entry(
          principal: try entry.text(), server: entry.server, version: entry.version,
          encryptionType: entry.encryptionType))
    }
    return result
  }
}
