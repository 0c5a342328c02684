import NIOCore
import Platform
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
  /// For penalties.
  var now: @Sendable () -> NIODeadline = { .now() }
  /// A number below the one given, which is at least 1.
  var random: @Sendable (Int) -> Int = { Int.random(in: 0..<max(1, $0)) }
  /// Descriptors that the process may have; nil when that cannot be told.
  var descriptors: @Sendable () -> Int? = {
    (try? DescriptorLimit.current()).map { Int(clamping: $0.soft) }
  }

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
