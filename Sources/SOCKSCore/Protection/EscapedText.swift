/// A text from outside (a principal, a host name) in a form that stays on one line of a log or a terminal: backslash,
/// control characters, line and paragraph separators, and characters that change the direction of writing are shown as
/// `\u{…}`. At most `limit` characters are kept; a cut is marked by `…`.
public func escaped(_ text: some StringProtocol, limit: Int = 512) -> String {
  var result = ""
  for (count, scalar) in text.unicodeScalars.enumerated() {
    guard count < limit else { return result + "…" }
    if scalar == "\\" {
      result += "\\\\"
    } else if isShown(scalar) {
      result.unicodeScalars.append(scalar)
    } else {
      result += "\\u{\(String(scalar.value, radix: 16))}"
    }
  }
  return result
}

private func isShown(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.properties.generalCategory {
  case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
    .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber, .connectorPunctuation, .dashPunctuation,
    .openPunctuation, .closePunctuation, .initialPunctuation, .finalPunctuation, .otherPunctuation, .mathSymbol,
    .currencySymbol, .modifierSymbol, .otherSymbol, .spaceSeparator:
    true
  case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
    false
  @unknown default:  // A category that this library's Unicode does not have.
    false
  }
}
