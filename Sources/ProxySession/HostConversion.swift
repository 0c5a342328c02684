import Platform
public import SOCKSCore

extension SOCKSHost {
  /// The same host with a name that is not ASCII converted, as it is judged, sent and resolved. ASCII names stay as they are.
  public var converted: SOCKSHost {
    guard case .unconverted(let name) = self else { return self }
    do throws(InternationalName.Failure) {
      return name.host(converted: try InternationalName.ascii(name.text))
    } catch {
      return .malformed(MalformedName(name.text.utf8, .noASCIIForm(error.description)))
    }
  }
}

extension SOCKSAddress {
  /// The same address with its host converted.
  ///
  /// - Throws: `malformedName` for a name that cannot be one of a host.
  public func converted() throws(SOCKSError) -> SOCKSAddress {
    switch self.host.converted {
    case .malformed(let name): throw SOCKSError(name)
    case let host: SOCKSAddress(host: host, port: self.port)
    }
  }
}
