/// Why a call failed: the library's own answer with its texts, or a misuse of this module.
///
/// The texts are taken on the failing thread, before anything else is called there: the library keeps the specific
/// detail ("Server socks/a@B not found in Kerberos database") per thread, and another thread would get a general one.
public struct GSSError: Error, Sendable, Hashable {
  /// What kind of failure this is. Compare codes, never texts.
  public let code: Code

  /// The call that failed: the library's function, or ours for a misuse.
  public let operation: String

  /// The library's major status (RFC 2744 section 3.9.1); zero for a misuse.
  public let major: UInt32

  /// The mechanism's minor status, signed as Kerberos writes its codes (`-1765328370`).
  public let minor: Int32

  /// The mechanism whose minor status this is, where it was known.
  public let mechanism: GSSMechanism?

  /// The library's texts for the major status. Of any content: escape them where they are shown or logged.
  public let majorMessages: [String]

  /// The mechanism's texts for the minor status. Of any content: escape them where they are shown or logged.
  public let minorMessages: [String]

  init(
    code: Code, operation: String, major: UInt32 = 0, minor: Int32 = 0, mechanism: GSSMechanism? = nil,
    majorMessages: [String] = [], minorMessages: [String] = []
  ) {
    self.code = code
    self.operation = operation
    self.major = major
    self.minor = minor
    self.mechanism = mechanism
    self.majorMessages = majorMessages
    self.minorMessages = minorMessages
  }

  /// The caller broke a rule of this module; nothing was asked of the library.
  static func misuse(_ operation: String, _ text: String) -> GSSError {
    GSSError(code: .misuse, operation: operation, majorMessages: [text])
  }
}

extension GSSError {
  /// What went wrong, for a person: without the function that failed, and without the major status' text where the
  /// mechanism says more. Of any content: escape it where it is shown or logged.
  public var reason: String {
    let specific = minorMessages.filter { !$0.isEmpty }
    let texts = specific.isEmpty ? majorMessages.filter { !$0.isEmpty } : specific
    return texts.isEmpty ? "\(code)" : texts.joined(separator: "; ")
  }
}

extension GSSError: CustomStringConvertible {
  public var description: String {
    let texts = (majorMessages + minorMessages).filter { !$0.isEmpty }
    return "\(operation): \(texts.isEmpty ? "\(code)" : texts.joined(separator: "; "))"
  }
}
