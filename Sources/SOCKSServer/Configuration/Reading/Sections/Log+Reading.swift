import Platform

extension Configuration.Log {
  init?(_ node: YAMLNode, _ path: String, reader: ConfigurationReader) {
    var log = Self()
    _ = reader.mapping(node, path, example: "format: json") { keys -> Bool? in
      keys.optional("format") { reader.choice($0, $1) }.map { log.format = $0 }
      return true
    }
    self = log
  }
}
