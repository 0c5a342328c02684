internal import CGSSAPI

/// Lends the library a set of mechanisms for the duration of one call.
enum LibraryIdentifierSet {
  /// More mechanisms than any library has.
  static let maximumCount = 32

  static func lend<Result>(_ mechanisms: [GSSMechanism], _ body: (gss_OID_set) -> Result) -> Result {
    var identifiers: [gss_OID_desc] = unsafe []
    return unsafe lend(mechanisms.prefix(maximumCount), &identifiers, body)
  }

  private static func lend<Result>(
    _ rest: ArraySlice<GSSMechanism>, _ identifiers: inout [gss_OID_desc], _ body: (gss_OID_set) -> Result
  ) -> Result {
    guard let next = rest.first else {
      return unsafe identifiers.withUnsafeMutableBufferPointer { buffer in
        var set = unsafe gss_OID_set_desc(count: buffer.count, elements: buffer.baseAddress)
        return unsafe body(&set)
      }
    }
    return unsafe next.withIdentifier { identifier in
      unsafe identifiers.append(identifier.pointee)
      return unsafe lend(rest.dropFirst(), &identifiers, body)
    }
  }
}
