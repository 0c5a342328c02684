/// What a good session's result has to show, apart from its hashes.
enum GoodSession {
  static func isGood(_ result: JSONValue, level: Int) -> Bool {
    result["ok"] == true && result["level"] == .integer(level) && result["reply_sealed"] == .boolean(level != 1)
      && isProtected(result["sent"], level) && isProtected(result["received"], level)
  }

  private static func isProtected(_ direction: JSONValue?, _ level: Int) -> Bool {
    let states: [Int: [JSONValue]] = [1: ["none"], 2: ["all"], 3: ["mixed", "all"]]
    guard let direction, let sealed = direction["sealed"] else { return false }
    return direction["consecutive"] == true && states[level]?.contains(sealed) == true
  }
}
