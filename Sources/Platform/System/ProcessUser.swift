internal import Glibc

/// The user whose rights the process acts with.
public enum ProcessUser {
  /// `NAME (uid N)`, or the number alone where the user has no name.
  public static var description: String {
    let id = geteuid()
    return unsafe account({ unsafe getpwuid_r(id, $0, $1, $2, $3) }).map { "\($0.name) (uid \(id))" } ?? "uid \(id)"
  }

  /// Takes on another user's rights, groups included, for good and for all threads.
  ///
  /// - Parameter name: a name or a number of the user database.
  /// - Throws: what keeps the process from it: only root may, and the user must exist.
  public static func become(_ name: String) throws(ProcessUserError) {
    let byName = unsafe account { unsafe getpwnam_r(name, $0, $1, $2, $3) }
    let byNumber = UInt32(name).flatMap { id in unsafe account { unsafe getpwuid_r(id, $0, $1, $2, $3) } }
    guard let account = byName ?? byNumber else {
      throw ProcessUserError("there is no user \(name) on this machine")
    }
    if account.user == geteuid() { return }
    guard geteuid() == 0 else { throw ProcessUserError("only root can look as another user") }
    guard unsafe initgroups(account.name, account.group) == 0, setgid(account.group) == 0, setuid(account.user) == 0,
      geteuid() == account.user, getegid() == account.group
    else { throw ProcessUserError("cannot become user \(name): \(SystemError.last)") }
  }

  private typealias Look = (
    UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
    UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
  ) -> Int32

  /// The largest entry that is read, in bytes.
  private static let maximumEntry = 1 << 16

  private static func account(_ look: Look) -> (name: String, user: uid_t, group: gid_t)? {
    var entry = unsafe passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: maximumEntry)
    return unsafe buffer.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress, unsafe look(&entry, start, buffer.count, &found) == 0, unsafe found != nil,
        let name = unsafe entry.pw_name
      else { return nil }
      return unsafe (String(cString: name), entry.pw_uid, entry.pw_gid)
    }
  }
}

/// Why a process cannot act as another user.
public struct ProcessUserError: Error, Hashable, Sendable, CustomStringConvertible {
  public let description: String

  init(_ description: String) {
    self.description = description
  }
}
