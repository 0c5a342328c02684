/// A text from outside (a principal, a host name) in a form that stays on one line of a log or a terminal: backslash,
/// control characters, line and paragraph separators, and characters that change the direction of writing are shown as
/// `\u{…}`. At most `limit` characters are kept; a cut is marked by `…`.
public func escaped(_ text: some StringProtocol, limit: Int = 512) -> String {
  var result = ""
  for (count, scalar) in text.unicodeScalars.enumerated() {
    guard count < limit else { return result + "…" }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
      result += "\\u{\(String(scalar.value, radix: 16))}"
    default:
      if scalar == "\\" { result += "\\\\" } else { result.unicodeScalars.append(scalar) }
    }
  }
  return result
}
