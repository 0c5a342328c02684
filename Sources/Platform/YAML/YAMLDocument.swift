/// A YAML text as a tree whose nodes know their places.
///
/// Only what a configuration needs is read. Anchors, aliases, tags, merge keys, keys that are not scalars, a second
/// document and a key that occurs twice are errors: they would let a file mean something else than it shows.
public struct YAMLDocument: Sendable {
  public let source: YAMLSource
  /// `nil` when the text holds nothing but comments and white space.
  public let root: YAMLNode?

  /// The largest text that is read.
  public static let maximumOctets = 1 << 20
  /// How deep sequences and mappings may lie in each other.
  public static let maximumDepth = 64
  /// How many scalars, sequences and mappings a text may hold, keys included.
  public static let maximumNodes = 100_000

  /// Reads a text. Any octets may come: what is not such a document is refused with a place.
  public static func parse(_ source: YAMLSource) throws(YAMLError) -> YAMLDocument {
    guard source.octets.count <= maximumOctets else {
      throw YAMLError(
        place: YAMLPlace(line: 1, column: 1),
        message: "the text is \(source.octets.count) bytes long; at most \(maximumOctets) are read")
    }
    var composer = YAMLComposer(source: source)
    return YAMLDocument(source: source, root: try composer.composeDocument())
  }

  public static func parse(_ text: String, sourceName: String) throws(YAMLError) -> YAMLDocument {
    try parse(YAMLSource(name: sourceName, text: text))
  }

  public static func parse(octets: [UInt8], sourceName: String) throws(YAMLError) -> YAMLDocument {
    try parse(YAMLSource(name: sourceName, octets: octets))
  }
}
