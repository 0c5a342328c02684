import Platform

/// The processor time of a process.
enum ProcessTime {
  /// User and system time so far, by the hundredth of a second.
  static func used(by process: String) throws -> Duration {
    let octets = try FileContents.read(path: "/proc/\(process)/stat", limit: 4_096)
    // The name, in parentheses, may hold anything.
    let text = String(decoding: octets, as: UTF8.self)
    let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
    guard fields.count > 13, let user = Int(fields[12]), let system = Int(fields[13]) else {
      throw PeerError(account: "no times in \(text)")
    }
    return .milliseconds(10 * (user + system))
  }
}
