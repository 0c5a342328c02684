internal import Synchronization

/// The keys of one principal of a keytab, in a keytab of their own that exists only in this process's memory.
///
/// A credential that is acquired with it can open tickets for that principal alone, in whatever case the ticket spells
/// the host and whichever number it gives the key's version; the name that the library reports is the entry's. The
/// library wipes the keys when this value and the credential are gone.
struct KeytabCopy: ~Copyable {
  /// In the library's spelling.
  let name: String
  private let keytab: OpenKeytab

  private static let count = Atomic<UInt64>(0)

  /// - Throws: a ``GSSError`` whose `isKeytabMissing` is true where the keytab has no key for the principal.
  init(of server: KerberosTicketServer, in original: String) throws(GSSError) {
    let name = "MEMORY:garter-\(Self.count.wrappingAdd(1, ordering: .relaxed).newValue)"
    let keytab = try OpenKeytab(name)
    try keytab.addEntries(of: server, in: OpenKeytab(original))
    self.name = name
    self.keytab = keytab
  }
}
