import NIOCore
import Platform
import SOCKSCore
import SOCKSGSSAPI

/// Resolves the names that clients ask for, off the event loop, with a bounded queue and a deadline.
final class NameLookup: Sendable {
  private let pool: StepPool
  private let timeout: TimeAmount
  private let maximumAddresses: Int

  init(pool: StepPool, timeout: TimeAmount, maximumAddresses: Int) {
    self.pool = pool
    self.timeout = timeout
    self.maximumAddresses = maximumAddresses
  }

  /// The addresses of a name, in the resolver's order.
  ///
  /// A lookup that outlives its deadline keeps its thread and its place in the queue until the resolver gives up.
  func addresses(of name: String, on eventLoop: any EventLoop) -> EventLoopFuture<[IPAddress]> {
    let promise = eventLoop.makePromise(of: [IPAddress].self)
    var isPending = true
    let settle: (Result<[IPAddress], SOCKSError>) -> Void = { result in
      guard isPending else { return }
      isPending = false
      switch result {
      case .success(let addresses): promise.succeed(addresses)
      case .failure(let error): promise.fail(error)
      }
    }
    let timer = eventLoop.assumeIsolated().scheduleTask(in: self.timeout) {
      settle(.failure(SOCKSError(.deadlinePassed, "the name was not resolved in time")))
    }
    let limit = self.maximumAddresses
    let admitted = self.pool.submit(to: eventLoop) {
      Self.lookUp(name, limit: limit)
    } completion: { result in
      timer.cancel()
      settle(result ?? .failure(SOCKSError(.tooBusy, "the gateway is stopping")))
    }
    if !admitted {
      timer.cancel()
      settle(.failure(SOCKSError(.tooBusy, "too many names are being resolved")))
    }
    return promise.futureResult
  }

  private static func lookUp(_ name: String, limit: Int) -> Result<[IPAddress], SOCKSError> {
    do throws(AddressLookup.Failure) {
      let addresses = try AddressLookup.addresses(of: name, limit: limit).compactMap(IPAddress.init(octets:))
      return addresses.isEmpty ? .failure(SOCKSError(.hostUnreachable, "the name has no address")) : .success(addresses)
    } catch {
      return .failure(SOCKSError(.hostUnreachable, "\(error)"))
    }
  }
}
