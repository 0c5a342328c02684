import CBenchmark
import GSSAPI

/// The GSS library without a gateway: called from C, and through our binding.
struct Library {
  /// Octets of plaintext in one message.
  static let sizes = [65_000, 16_384]

  private let plain: OpaquePointer
  private let pair: PairBox

  init() throws {
    guard let plain = bench_make_contexts(Stage.service) else { throw BenchmarkError("no contexts in C") }
    self.plain = plain
    self.pair = try PairBox()
  }

  func measure(_ figures: inout Figures, megabytes: Int) throws {
    for sealed in [false, true] {
      let level = sealed ? 2 : 1
      for size in Self.sizes {
        let count = max(1, megabytes * 500_000 / size)
        let octets = Double(count * size)
        var wrap = 0.0
        var unwrap = 0.0
        guard bench_protect(self.plain, sealed ? 1 : 0, size, count, &wrap, &unwrap) == 1 else {
          throw BenchmarkError("the library fails")
        }
        let binding = try self.pair.protect(sealed: sealed, size: size, count: count)
        for (row, seconds) in [
          ("gss_wrap", wrap), ("gss_unwrap", unwrap), ("binding, wrap", binding.wrap),
          ("binding, unwrap", binding.unwrap),
        ] {
          let row = "\(row), level \(level), \(size) octets"
          figures.record(.library, row, Column.cpu, seconds / (octets / 1e9))
          figures.record(.library, row, Column.perCore, octets / 1e9 / seconds)
        }
      }
    }
  }
}

/// Both ends of a context, made with our binding.
private final class PairBox {
  private var initiator: GSSSecurityContext
  private var acceptor: GSSSecurityContext

  init() throws {
    let flags: GSSContextFlags = [.mutual, .replay, .sequence, .confidentiality, .integrity]
    let initiator = GSSInitiator(target: try .hostBased(Stage.service), flags: flags, credential: nil)
    let acceptor = GSSAcceptor(credential: try GSSCredential(acceptorFor: nil))
    guard case .continueNeeded(let pending, let token) = try initiator.step(nil),
      case .complete(let accepted, let answer?) = try acceptor.step(token),
      case .complete(let initiated, _) = try pending.step(answer)
    else { throw BenchmarkError("no contexts through the binding") }
    self.initiator = initiated
    self.acceptor = accepted
  }

  func protect(sealed: Bool, size: Int, count: Int) throws -> (wrap: Double, unwrap: Double) {
    let plaintext = [UInt8](repeating: 0, count: size)
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * (size + 1_024), alignment: 16)
    defer { memory.deallocate() }
    let room = size + 1_024
    var wrap = 0.0
    var unwrap = 0.0
    for _ in 0..<count {
      let start = bench_thread_cpu()
      var token = OutputRawSpan(buffer: UnsafeMutableRawBufferPointer(rebasing: memory[..<room]), initializedCount: 0)
      guard try self.initiator.wrap(plaintext.span.bytes, confidential: sealed, into: &token) == sealed else {
        throw BenchmarkError("not sealed as asked")
      }
      let wrapped = bench_thread_cpu()
      var received = token.mutableBytes
      var output = OutputRawSpan(buffer: UnsafeMutableRawBufferPointer(rebasing: memory[room...]), initializedCount: 0)
      guard try self.acceptor.unwrap(&received, into: &output).plaintextLength == size else {
        throw BenchmarkError("another plaintext came out")
      }
      let unwrapped = bench_thread_cpu()
      wrap += wrapped - start
      unwrap += unwrapped - wrapped
    }
    return (wrap, unwrap)
  }
}
