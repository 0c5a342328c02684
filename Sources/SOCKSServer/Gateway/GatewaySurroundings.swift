import NIOCore
import SOCKSCore
import SOCKSGSSAPI
import SOCKSNIO

/// What a gateway asks of the system that it runs on.
struct GatewaySurroundings: Sendable {
  typealias MakeEstablishment = @Sendable (any EventLoop) -> any ContextEstablishment

  /// Acquires what contexts are accepted with, and gives back what makes a context for a channel of a loop.
  var acquireAcceptor: @Sendable (StepPool) throws -> MakeEstablishment
  /// Resolves a name, on a thread that may block; at most so many addresses.
  var lookUp: @Sendable (String, Int) -> Result<[IPAddress], SOCKSError>

  /// The system's GSS-API library and resolver.
  static func system(_ acceptor: GSSAcceptorProvider.Configuration) -> Self {
    Self(
      acquireAcceptor: { pool in
        let provider = try GSSAcceptorProvider(acceptor, pool: pool)
        return { provider.makeEstablishment(on: $0) }
      },
      lookUp: NameLookup.bySystem)
  }
}
