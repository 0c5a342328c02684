#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif
internal import CGSSAPI
internal import Synchronization

/// The process's environment, as far as the Kerberos library reads its configuration from there.
///
/// `KRB5_CONFIG` has no counterpart in the credential store, so a process that wants its own configuration file must
/// set it. Setting a variable while another thread reads one is a race in C, and the library may read at any time;
/// hence once, at start, before this module has called the library.
public enum KerberosEnvironment {
  private enum State {
    case untouched
    case adopted([String: String])
    case inUse
  }

  private static let state = Mutex<State>(.untouched)

  /// Sets the variables for this process.
  ///
  /// Call it once, while no other thread can be reading the environment: starting a child reads it, too. The same variables with the same values may
  /// be given again at any time; anything else is a misuse and changes nothing.
  public static func adopt(_ variables: [String: String]) throws(GSSError) {
    let refusal: String? = state.withLock { state in
      if case .adopted(let earlier) = state {
        return earlier == variables ? nil : "the environment was already adopted, with other values"
      }
      if case .inUse = state { return "the library has already been called" }
      guard variables.allSatisfy({ isValid(name: $0.key) && !$0.value.utf8.contains(0) }) else {
        return "a variable that an environment cannot hold"
      }
      for (name, value) in variables { unsafe setenv(name, value, 1) }
      state = .adopted(variables)
      return nil
    }
    if refusal == nil, variables[ConfigurationPaths.variable] != nil { ConfigurationSpelling.arrangeAgain() }
    if let refusal { throw .misuse("KerberosEnvironment.adopt", refusal) }
  }

  /// Notes that the library was called: from now on the environment stays as it is.
  static func libraryUsed() {
    state.withLock { state in
      if case .untouched = state { state = .inUse }
    }
  }

  /// The same for a call that reads files anyway: changes of the configuration are looked for, once in a while.
  static func libraryReadsFiles() {
    libraryUsed()
    configuration.keep()
  }

  /// Has changes of files that `krb5.conf` includes seen within seconds, also while contexts live that were established
  /// before; without it they are seen when the last of those has gone. It sets `KRB5_CONFIG` to another spelling of the
  /// same path.
  ///
  /// Call it once at the start of a program, while no other thread can be reading the environment. Does nothing after
  /// this module has called the library.
  public static func watchConfiguration() {
    let isInUse = state.withLock { state in
      if case .inUse = state { true } else { false }
    }
    if !isInUse { ConfigurationSpelling.arrange() }
  }

  /// Where the library's configuration is: the value of `KRB5_CONFIG`, or `/etc/krb5.conf`. Of any content: escape it
  /// where it is shown or logged.
  public static var configurationName: String { ConfigurationSpelling.original ?? ConfigurationPaths.standard }

  /// What is wrong with `krb5.conf` and the files that it includes, as the library says it; `nil` when it can be read.
  /// Reads them: keep it off event loops.
  public static func configurationProblem() -> GSSError? {
    libraryReadsFiles()
    var context: krb5_context?
    let code = unsafe krb5_init_context(&context)
    defer { if let context = unsafe context { unsafe krb5_free_context(context) } }
    guard code == 0 else { return contextError(code) }
    // The library goes on without any configuration when none of the files that it was given exists.
    let paths = ConfigurationSpelling.original.map(ConfigurationPaths.paths) ?? []
    guard !paths.isEmpty, !paths.contains(where: exists) else { return nil }
    return contextError(ENOENT)
  }

  /// The error of a `krb5_init_context`, which nothing but the configuration makes fail, with the files that cannot be
  /// read. The library does not say which they are.
  static func contextError(_ code: krb5_error_code) -> GSSError {
    unsafe KerberosLibraryError.make("krb5_init_context", code, nil, more: ConfigurationFiles.current().faults)
  }

  private static let configuration = KeptConfiguration()

  private static func exists(_ path: String) -> Bool {
    // The library expands a tilde; this does not have to.
    unsafe access(path, F_OK) == 0 || path.hasPrefix("~")
  }

  private static func isValid(name: String) -> Bool {
    !name.isEmpty && !name.utf8.contains { $0 == 0 || $0 == UInt8(ascii: "=") }
  }
}
