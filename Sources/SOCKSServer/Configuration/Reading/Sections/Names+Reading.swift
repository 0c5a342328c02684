import Platform
import SOCKSCore

extension Configuration.Names {
  init?(_ node: YAMLNode, _ path: String, reader: ConfigurationReader) {
    var names = Self()
    _ = reader.mapping(node, path, example: "search: [example.com]") { keys -> Bool? in
      keys.optional("search") { node, path in
        reader.list(node, path, example: "[example.com]", limit: Self.maximumDomains) { node, path in
          reader.value(node, path, expected: "a domain such as example.com", parse: Self.domain)
        }
      }.map { names.search = $0 }
      return true
    }
    self = names
  }

  private static func domain(_ text: String) throws(ValueError) -> HostName {
    let ascii = try ASCIIName.converted(text)
    guard IPAddress(ascii) == nil, !ascii.utf8.contains(UInt8(ascii: "*")) else {
      throw ValueError("expected a domain such as example.com, not \(quoted(text))")
    }
    let domain: HostName
    do throws(MalformedName) {
      // In one spelling, so that a domain that is there twice shows.
      domain = try HostName(HostName(ascii).bytes)
    } catch {
      throw ValueError("expected a domain such as example.com, not \(quoted(text)): \(error)")
    }
    try ASCIIName.checkNoNumber(domain, text: text)
    return domain
  }
}
