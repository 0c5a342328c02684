import FoundationEssentials

/// A value of JSON as an independent parser reads it.
enum JSONCheck: Decodable {
  case text(String)
  case list([JSONCheck])
  case fields([String: JSONCheck])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let text = try? container.decode(String.self) {
      self = .text(text)
    } else if let list = try? container.decode([JSONCheck].self) {
      self = .list(list)
    } else {
      self = .fields(try container.decode([String: JSONCheck].self))
    }
  }

  /// One line that is one object.
  @discardableResult
  static func whole(_ line: String) throws -> JSONCheck {
    try JSONDecoder().decode(JSONCheck.self, from: Data(line.utf8))
  }

  subscript(key: String) -> JSONCheck? { if case .fields(let fields) = self { fields[key] } else { nil } }

  var text: String? { if case .text(let text) = self { text } else { nil } }
}
