import GSSAPI

/// The error that a call throws: the expectation macros cannot capture the non-copyable values that most calls need.
func failure<Result>(_ call: () throws -> Result) -> GSSError? {
  do {
    _ = try call()
    return nil
  } catch {
    return error as? GSSError
  }
}
