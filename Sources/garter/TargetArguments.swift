import ArgumentParser
import SOCKSClient
import SOCKSCore

/// A target on the command line, as two words.
struct TargetArguments: ParsableArguments {
  @Argument(help: "The target's host: a name, which the gateway looks up, or an address.")
  var target: String

  @Argument(help: "The target's port.")
  var port: String

  func validate() throws { _ = try self.address() }

  func address() throws -> SOCKSAddress {
    guard let port = UInt16(decimal: self.port), port > 0 else {
      throw ValidationError("'\(escaped(self.port))' is not a port from 1 to 65535")
    }
    // Brackets are common in places where host and port are written together.
    let text =
      self.target.hasPrefix("[") && self.target.hasSuffix("]")
      ? String(self.target.dropFirst().dropLast()) : self.target
    guard !text.contains("%") else {
      throw ValidationError(
        "the target's name: '\(escaped(text))' has a zone (%), which has a meaning on this machine only; the gateway cannot "
          + "use it")
    }
    do {
      return SOCKSAddress(host: try SOCKSHost(text), port: port)
    } catch {
      throw ValidationError("the target's name: \(error.detail)")
    }
  }
}
