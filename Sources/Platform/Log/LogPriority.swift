public import Logging

/// Which places in the queue of a log a line may take.
///
/// ``LogHandler``s of this module find it as an attribute of any value of a line's metadata, so that other handlers need not
/// know of it. A line of level `error` or above is ``reserved`` without it, any other ``ordinary``.
public enum LogPriority: Int64, Hashable, Sendable, CaseIterable, Logger.MetadataValueAttributes.Attribute {
  /// What strangers can cause in any number belongs here: such lines take part of the queue only.
  case ordinary = 0
  /// May take every place: records of authenticated sessions, and errors.
  case reserved = 1
}

extension Logger.Metadata {
  /// The same with a priority, which its first value carries. A line without values has its level's.
  public func marked(_ priority: LogPriority) -> Self {
    guard let key = self.keys.min(), let value = self[key] else { return self }
    var marked = self
    switch value {
    case .string(let text): marked[key] = .marked(text, priority)
    case .stringConvertible(let text): marked[key] = .marked(text.description, priority)
    case .dictionary, .array: marked["priority"] = .marked("\(priority)", priority)
    }
    return marked
  }
}

extension Logger.MetadataValue {
  /// A value that gives its line a priority.
  public static func marked(_ value: String, _ priority: LogPriority) -> Self {
    .attributed(value, attributes: [priority])
  }

  /// Costs a cast for values that are not plain texts.
  var priority: LogPriority? {
    switch self {
    case .stringConvertible: self.attributes[LogPriority.self]
    case .string, .dictionary, .array: nil
    }
  }
}
