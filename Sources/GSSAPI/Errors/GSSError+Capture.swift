internal import CGSSAPI

extension GSSError {
  /// More messages for one status than any mechanism gives.
  private static let maximumMessages = 8

  /// Throws unless `major` is a success, with the texts taken at once from this thread.
  ///
  /// Supplementary bits are no failure here: the unwrapping code looks at them.
  static func check(
    _ operation: StaticString, _ major: OM_uint32, _ minor: OM_uint32, _ mechanism: GSSMechanism? = nil
  ) throws(GSSError) {
    guard cgssapi_is_error(major) != 0 else { return }
    throw captured("\(operation)", major, minor, mechanism)
  }

  /// The same for a step of an establishment, where every supplementary bit but *continue needed* is fatal as well
  /// (RFC 2744 sections 5.1 and 5.19: duplicate and old tokens).
  static func checkStep(
    _ operation: StaticString, _ major: OM_uint32, _ minor: OM_uint32, _ mechanism: GSSMechanism?
  ) throws(GSSError) {
    try check(operation, major, minor, mechanism)
    guard cgssapi_supplementary(major) & ~GSSSupplementaryStatus.continueNeeded.rawValue == 0 else {
      throw captured("\(operation)", major, minor, mechanism)
    }
  }

  private static func captured(
    _ operation: String, _ major: OM_uint32, _ minor: OM_uint32, _ mechanism: GSSMechanism?
  ) -> GSSError {
    let routine = cgssapi_routine_error(major) >> 16
    let calling = cgssapi_calling_error(major) >> 24
    let code = Code(Int32(routine != 0 ? routine : calling << 8))
    return GSSError(
      code: code == Code(0) ? .defectiveToken : code, operation: operation, major: major,
      minor: Int32(bitPattern: minor), mechanism: mechanism,
      majorMessages: messages(of: major, kind: GSS_C_GSS_CODE, mechanism),
      minorMessages: minor == 0 ? [] : messages(of: minor, kind: GSS_C_MECH_CODE, mechanism))
  }

  private static func messages(of status: OM_uint32, kind: Int32, _ mechanism: GSSMechanism?) -> [String] {
    guard let mechanism else { return unsafe messages(of: status, kind: kind, identifier: nil) }
    return unsafe mechanism.withIdentifier { unsafe messages(of: status, kind: kind, identifier: $0) }
  }

  private static func messages(of status: OM_uint32, kind: Int32, identifier: gss_OID?) -> [String] {
    var texts: [String] = []
    var messageContext: OM_uint32 = 0
    repeat {
      var minor: OM_uint32 = 0
      var text = LibraryBuffer()
      let major = unsafe gss_display_status(&minor, status, kind, identifier, &messageContext, &text.descriptor)
      guard cgssapi_is_error(major) == 0 else { break }
      texts.append(text.text())
    } while messageContext != 0 && texts.count < maximumMessages
    return texts
  }
}
