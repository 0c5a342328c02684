import ArgumentParser
import ProxySession
import SOCKSClient
import SOCKSCore

/// A target on the command line, as two words.
struct TargetArguments: ParsableArguments {
  @Argument(help: "The target's host: a name, which the gateway resolves, or an address.")
  var target: String

  @Argument(help: "The target's port.")
  var port: String

  func validate() throws { _ = try self.address() }

  func address() throws -> SOCKSAddress {
    guard let port = UInt16(decimal: self.port), port > 0 else {
      throw ValidationError("'\(escaped(self.port))' is not a port from 1 to 65535")
    }
    guard !self.target.contains("%") else {
      throw ValidationError(
        "the target: '\(escaped(self.target))' has a zone (%), which has a meaning on this machine only; the gateway cannot "
          + "use it")
    }
    do {
      // Brackets are common in places where host and port are written together; they mean the literal.
      return try SOCKSAddress(host: SOCKSHost(self.target), port: port).converted()
    } catch {
      throw ValidationError("the target: \(error.detail)")
    }
  }
}
