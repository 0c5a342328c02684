import Glibc
import Platform
import ProxySession
import SOCKSCore

extension NameLookup {
  /// The addresses of a complete name: those of the hosts file, or else what the system's resolver says. Blocks.
  @Sendable static func bySystem(_ name: String, limit: Int) -> Result<[IPAddress], SessionEnd> {
    switch Self.inHostsFile(name, limit: limit) {
    case .success(let addresses) where addresses.isEmpty: break
    case let known: return known
    }
    do throws(AddressLookup.Failure) {
      let addresses = try AddressLookup.addresses(of: name, limit: limit).compactMap(IPAddress.init(octets:))
      guard !addresses.isEmpty else {
        return .failure(SessionEnd(.connectFailed(.noSuchName), "the name has no address"))
      }
      return .success(addresses)
    } catch {
      return .failure(SessionEnd(resolving: error))
    }
  }

  /// The addresses that the hosts file has for a name; none where it does not know it. Blocks.
  @Sendable static func inHostsFile(_ name: String, limit: Int) -> Result<[IPAddress], SessionEnd> {
    do throws(SystemError) {
      return .success(try HostsFile.addresses(of: name, limit: limit).compactMap(IPAddress.init(octets:)))
    } catch {
      return .failure(
        SessionEnd(shortage: error.code)
          ?? SessionEnd(.connectFailed(.resolver), "\(HostsFile.path) cannot be read: \(error)"))
    }
  }
}

extension SessionEnd {
  fileprivate init(resolving failure: AddressLookup.Failure) {
    if let shortage = failure.shortage.flatMap({ SessionEnd(shortage: $0) }) {
      self = shortage
      return
    }
    switch failure.code {
    case _ where failure.isAnswer: self.init(.connectFailed(.noSuchName), "\(failure)")
    case EAI_MEMORY: self.init(.limit(.memory), "\(failure)")
    default: self.init(.connectFailed(.resolver), "\(failure)")
    }
  }
}
