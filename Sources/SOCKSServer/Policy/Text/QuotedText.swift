/// A text from outside as it may be shown in a message: in quotes, control characters escaped, cut after 80 characters.
func quoted(_ text: some StringProtocol) -> String {
  var shown = ""
  var count = 0
  for scalar in text.unicodeScalars {
    guard count < 80 else { return "\"\(shown)…\"" }
    count += 1
    switch scalar {
    case "\"": shown += "\\\""
    case "\\": shown += "\\\\"
    case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || isInvisible(scalar):
      shown += "\\u{\(String(scalar.value, radix: 16))}"
    default: shown.unicodeScalars.append(scalar)
    }
  }
  return "\"\(shown)\""
}

/// Line separators and marks that turn the direction of writing: they would let a message show what it does not say.
private func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x2069, 0xFEFF: true
  default: false
  }
}
