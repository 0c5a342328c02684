#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif
internal import Synchronization

/// Spellings of the configuration's path that all mean the same file: `/./././etc/krb5.conf`, `//././etc/krb5.conf`.
///
/// The library shares what it has read among all contexts that name the same files, for as long as one of them lives;
/// each established security context has one. A new spelling is the only way to have included files read again
/// meanwhile.
///
/// The value of `KRB5_CONFIG` is put into memory of this type's once, at the start of the process; a change of spelling
/// is then the change of one byte in it, which any thread may be reading: it sees one spelling or the other.
@safe
enum ConfigurationSpelling {
  /// Bytes that vary, so that a spelling comes again after 1,024 changes.
  static let variants = 10

  @safe
  private struct Place: @unchecked Sendable {
    /// `KRB5_CONFIG=…`, never freed: it is part of the environment.
    let start: UnsafeMutablePointer<CChar>
    /// The first byte that varies, in front of each path.
    let offsets: [Int]
  }

  private struct State {
    var place: Place?
    var changes: UInt64 = 0
    /// The user's own setting.
    var original: String?
  }

  private static let state = Mutex(State())

  /// Puts the present setting into the form that can change. To be called while no other thread can be reading the
  /// environment.
  static func arrange() {
    state.withLock { state in
      guard state.place == nil else { return }
      let original = ConfigurationPaths.setting
      var text = "\(ConfigurationPaths.variable)="
      var offsets: [Int] = []
      let paths = ConfigurationPaths.paths(in: original)
      // With a tilde the library looks for the user's folder only at the very start.
      guard !paths.isEmpty, !paths.contains(where: { $0.hasPrefix("~") }) else { return }
      for (index, path) in paths.enumerated() {
        if index > 0 { text += ":" }
        text += path.hasPrefix("/") ? "/" : "./"
        offsets.append(text.utf8.count)
        text += String(repeating: "./", count: variants) + path.drop { $0 == "/" }
      }
      guard let start = unsafe strdup(text) else { return }
      guard unsafe putenv(start) == 0 else { return unsafe free(start) }
      state.place = unsafe Place(start: start, offsets: offsets)
      state.original = original
    }
  }

  /// Does it once more after the variable has been set to another value.
  static func arrangeAgain() {
    let isArranged = state.withLock { state in
      defer { state.place = nil }
      return state.place != nil
    }
    if isArranged { arrange() }
  }

  /// The user's own setting of the variable; `nil` where there is none.
  static var original: String? {
    state.withLock { $0.place == nil ? ConfigurationPaths.setting : $0.original }
  }

  /// Goes on to the next spelling; nothing without ``arrange()``.
  static func change() {
    state.withLock { state in
      guard let place = state.place else { return }
      state.changes += 1
      // A Gray code: exactly one byte for each path changes at a time.
      let bit = min(state.changes.trailingZeroBitCount, variants - 1)
      for offset in place.offsets {
        let byte = unsafe place.start + (offset + 2 * bit)
        unsafe byte.pointee = unsafe byte.pointee == dot ? slash : dot
      }
    }
  }

  private static let dot = CChar(bitPattern: UInt8(ascii: "."))
  private static let slash = CChar(bitPattern: UInt8(ascii: "/"))
}
