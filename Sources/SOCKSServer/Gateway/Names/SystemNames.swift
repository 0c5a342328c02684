import Platform
import SOCKSCore

extension NameLookup {
  /// The addresses of a complete name: those of the hosts file, or else what the system's resolver says. Blocks.
  @Sendable static func bySystem(_ name: String, limit: Int) -> Result<[IPAddress], SOCKSError> {
    switch Self.inHostsFile(name, limit: limit) {
    case .success(let addresses) where addresses.isEmpty: break
    case let known: return known
    }
    do throws(AddressLookup.Failure) {
      let addresses = try AddressLookup.addresses(of: name, limit: limit).compactMap(IPAddress.init(octets:))
      return addresses.isEmpty ? .failure(SOCKSError(.hostUnreachable, "the name has no address")) : .success(addresses)
    } catch {
      return .failure(SOCKSError(error.isAnswer ? .hostUnreachable : .nameServerFailed, "\(error)"))
    }
  }

  /// The addresses that the hosts file has for a name; none where it does not know it. Blocks.
  @Sendable static func inHostsFile(_ name: String, limit: Int) -> Result<[IPAddress], SOCKSError> {
    do throws(SystemError) {
      return .success(try HostsFile.addresses(of: name, limit: limit).compactMap(IPAddress.init(octets:)))
    } catch {
      return .failure(SOCKSError(.nameServerFailed, "\(HostsFile.path) cannot be read: \(error)"))
    }
  }
}
