/// One node of a YAML document, with the place where it begins.
public struct YAMLNode: Hashable, Sendable {
  public let place: YAMLPlace
  public let content: Content

  public init(place: YAMLPlace, content: Content) {
    self.place = place
    self.content = content
  }

  public enum Content: Hashable, Sendable {
    case scalar(YAMLScalar)
    case sequence([YAMLNode])
    /// In the order of the text. No key occurs twice.
    case mapping([YAMLEntry])
  }
}

/// A text in a YAML document. Whether `10` means a number is for the reader to decide.
public struct YAMLScalar: Hashable, Sendable {
  public let text: String
  public let style: Style

  public init(text: String, style: Style) {
    self.text = text
    self.style = style
  }

  public enum Style: Hashable, Sendable {
    case plain, singleQuoted, doubleQuoted, literal, folded
  }

  /// Whether nothing was written, or one of YAML's words for nothing. Quoted text never is null.
  public var isNull: Bool {
    style == .plain && ["", "~", "null", "Null", "NULL"].contains(text)
  }
}

/// One `key: value` of a mapping. Keys are always scalars.
public struct YAMLEntry: Hashable, Sendable {
  public let key: String
  public let keyPlace: YAMLPlace
  public let value: YAMLNode

  public init(key: String, keyPlace: YAMLPlace, value: YAMLNode) {
    self.key = key
    self.keyPlace = keyPlace
    self.value = value
  }
}
