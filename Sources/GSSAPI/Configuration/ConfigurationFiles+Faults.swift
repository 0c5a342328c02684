internal import CGSSAPI

extension ConfigurationFiles {
  /// What is wrong, with the files where it is: those that cannot be read, or else those with an error of their own. The
  /// library names the top file at most.
  var faults: [String] {
    guard unreadable.isEmpty else { return unreadable }
    return paths.flatMap { faults(at: $0, depth: 0) }
  }

  /// Where a file that it includes has the error, that one is named.
  private func faults(at path: String, depth: Int) -> [String] {
    guard depth < Self.maximumDepth, let text = Self.error(in: path) else { return [] }
    let inner = includedFiles(in: path).flatMap { faults(at: $0, depth: depth + 1) }
    return inner.isEmpty ? ["\(path): \(text)"] : inner
  }

  /// The library's text for what is wrong in a file and what it includes.
  private static func error(in path: String) -> String? {
    var profile: profile_t?
    let code = unsafe profile_init_path(path, &profile)
    if let profile = unsafe profile { unsafe profile_release(profile) }
    return code == 0 ? nil : unsafe KerberosLibrary.text(Int32(clamping: code), nil)
  }
}
