internal import Glibc

/// How many descriptors (files, sockets) this process may hold (`RLIMIT_NOFILE`).
public struct DescriptorLimit: Hashable, Sendable {
  /// What holds now.
  public let soft: UInt64
  /// What the process may raise ``soft`` to.
  public let hard: UInt64

  /// What holds now.
  public static func current() throws(SystemError) -> DescriptorLimit {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { throw SystemError.last }
    return DescriptorLimit(soft: UInt64(limit.rlim_cur), hard: UInt64(limit.rlim_max))
  }

  /// Whether the system refuses this process another descriptor at this moment: its own limit, or the machine's.
  public static var isReached: Bool {
    let descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [EMFILE, ENFILE].contains(errno) }
    close(descriptor)
    return false
  }

  /// Raises the soft limit to the hard one.
  ///
  /// - Returns: What held before, and what holds now.
  @discardableResult
  public static func raise() throws(SystemError) -> (before: DescriptorLimit, after: DescriptorLimit) {
    let before = try current()
    if before.soft < before.hard {
      var limit = rlimit(rlim_cur: rlim_t(before.hard), rlim_max: rlim_t(before.hard))
      guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { throw SystemError.last }
    }
    return (before, try current())
  }
}
