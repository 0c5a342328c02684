internal import Glibc

/// The process's environment variables.
public enum Environment {
  /// The value of a variable, or `nil` when it is not set. Octets that are not UTF-8 show as replacement characters.
  public static func get(_ name: String) -> String? {
    guard isValid(name: name), let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }

  /// Sets a variable. To be called only at the start of the program, before it has a second thread: other threads,
  /// those of libraries too, may be reading the environment at any time.
  ///
  /// - Throws: `EINVAL` for a name that is empty or holds `=` or NUL, or a value that holds NUL.
  public static func set(_ name: String, to value: String) throws(SystemError) {
    guard isValid(name: name), !value.utf8.contains(0) else { throw SystemError(code: EINVAL) }
    guard unsafe setenv(name, value, 1) == 0 else { throw SystemError.last }
  }

  private static func isValid(name: String) -> Bool {
    !name.isEmpty && !name.utf8.contains(0) && !name.utf8.contains(UInt8(ascii: "="))
  }
}
