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
        return "a variable that cannot stand in an environment"
      }
      for (name, value) in variables { unsafe setenv(name, value, 1) }
      state = .adopted(variables)
      return nil
    }
    if let refusal { throw .misuse("KerberosEnvironment.adopt", refusal) }
  }

  /// Notes that the library was called: from now on the environment stays as it is.
  static func libraryUsed() {
    state.withLock { state in
      if case .untouched = state { state = .inUse }
    }
    configuration.keep()
  }

  /// The library's configuration, kept in memory.
  ///
  /// The library forgets what it has read from `krb5.conf` and the files that this includes with the last of its own
  /// contexts, and makes and frees several of them in one handshake: without one that stays, it would read the files
  /// again for each client. It looks for changes once a second, whoever has a context.
  @safe
  private struct KeptConfiguration: @unchecked Sendable {
    /// Nobody does anything with it. Nil when the configuration cannot be read: then each call says so.
    private let context: krb5_context?

    init() {
      var context: krb5_context?
      unsafe self.context = krb5_init_context(&context) == 0 ? context : nil
    }

    func keep() {}
  }

  private static let configuration = KeptConfiguration()

  private static func isValid(name: String) -> Bool {
    !name.isEmpty && !name.utf8.contains { $0 == 0 || $0 == UInt8(ascii: "=") }
  }
}
