#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The top files of the library's configuration.
enum ConfigurationPaths {
  static let variable = "KRB5_CONFIG"

  /// What MIT's library takes where the variable is not set.
  static let standard = "/etc/krb5.conf"

  /// The variable's value; `nil` where it is not set.
  static var setting: String? {
    unsafe getenv(variable).map { unsafe String(cString: $0) }
  }

  /// As the user spells them.
  static var current: [String] { paths(in: ConfigurationSpelling.original) }

  static func paths(in setting: String?) -> [String] {
    (setting ?? standard).split(separator: ":").map(String.init)
  }
}
