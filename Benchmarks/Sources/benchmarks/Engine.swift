import CBenchmark
import KerberosTokens

/// The engine for Kerberos tokens against the library, with the same keys: encryption types, levels, directions, sizes and
/// batches. Both do all their work on one core, and what is compared is CPU time in one round.
struct Engine {
  /// Octets of plaintext in one token.
  static let sizes = [64, 1_024, 4_096, 16_384]
  static let batches = [1, 4, 8, 16]
  static let typeNames =
    "aes256-cts-hmac-sha1-96,aes128-cts-hmac-sha1-96,aes256-cts-hmac-sha384-192,aes128-cts-hmac-sha256-128"

  /// Octets for each figure: little, since there are many.
  private static let octets = 4_000_000

  private let providers: [(name: String, provider: CipherProvider)]
  private let contexts: [(type: EncryptionType, library: OpaquePointer, key: [UInt8])]

  init() throws {
    var providers = [("libcrypto", try ProviderRecipe.portable.makeProvider())]
    // Where the machine has none, its columns are missing.
    if let multiBuffer = try? ProviderRecipe(.multiBuffer).makeProvider() {
      providers.append(("multi-buffer", multiBuffer))
      progress("engine: \(multiBuffer.name)")
    }
    self.providers = providers
    self.contexts = try EncryptionType.allCases.map { type in
      var key = [UInt8](repeating: 0, count: 32)
      guard let library = bench_make_contexts_of(Stage.service, type.rawValue),
        case let length = bench_context_key(library, type.rawValue, &key), length == type.keyLength
      else { throw BenchmarkError("no context of type \(type)") }
      return (type, library, Array(key.prefix(length)))
    }
  }

  static func row(_ type: EncryptionType, level: Int, _ call: String, size: Int) -> String {
    "type \(type.rawValue), level \(level), \(call), \(size) octets"
  }

  static func column(_ provider: String, batch: Int) -> String { "\(provider) × \(batch)" }

  func measure(_ figures: inout Figures) throws {
    for (type, library, key) in self.contexts {
      for level in [1, 2] {
        for size in Self.sizes {
          let count = max(16, Self.octets / (size + 500))
          var wrap = 0.0
          var unwrap = 0.0
          guard bench_protect(library, level == 2 ? 1 : 0, size, count, &wrap, &unwrap) == 1 else {
            throw BenchmarkError("the library fails")
          }
          let rate = Double(count * size) / 1e9
          let rows = ["wrap", "unwrap"].map { Self.row(type, level: level, $0, size: size) }
          figures.record(.engine, rows[0], "library, GB/s", rate / wrap)
          figures.record(.engine, rows[1], "library, GB/s", rate / unwrap)
          for (name, provider) in self.providers {
            var run = try EngineRun(type, key, provider, size: size)
            for batch in name == "libcrypto" ? [1] : Self.batches {
              let mine = try run.protect(sealed: level == 2, batch: batch, count: count)
              figures.record(.engine, rows[0], Self.column(name, batch: batch), wrap / Double(count) / mine.wrap)
              figures.record(.engine, rows[1], Self.column(name, batch: batch), unwrap / Double(count) / mine.unwrap)
            }
          }
        }
      }
    }
  }
}

/// Both ends of a session, and memory for one batch.
private struct EngineRun: ~Copyable {
  private var initiator: TokenSession
  private var acceptor: TokenSession
  private let size: Int
  private let plaintext: [UInt8]
  private let memory: UnsafeMutableRawBufferPointer

  init(_ type: EncryptionType, _ key: [UInt8], _ provider: CipherProvider, size: Int) throws {
    func session(isInitiator: Bool) throws -> TokenSession {
      let parameters = TokenSession.Parameters(
        type: type, isInitiator: isInitiator, hasAcceptorSubkey: true, nextSendNumber: 0, receiveOrder: .next(0),
        endTime: 0)
      return try TokenSession(key: key.span.bytes, parameters, provider: provider)
    }
    let initiator = try session(isInitiator: true)
    let acceptor = try session(isInitiator: false)
    self.initiator = initiator
    self.acceptor = acceptor
    self.size = size
    self.plaintext = [UInt8](repeating: 0x2a, count: 16 * size)
    self.memory = .allocate(byteCount: 16 * (size + 100) + 4, alignment: 64)
  }

  deinit { self.memory.deallocate() }

  /// CPU seconds for each token.
  mutating func protect(sealed: Bool, batch: Int, count: Int) throws -> (wrap: Double, unwrap: Double) {
    let plaintext = self.plaintext
    let memory = self.memory
    let pieces = (0..<batch).map { $0 * self.size..<($0 + 1) * self.size }
    let length = self.initiator.tokenLength(for: self.size, sealed: sealed)
    let tokens = (0..<batch).map { $0 * (length + 4) + 4..<($0 + 1) * (length + 4) }
    var results: [Result<OpenedToken, TokenRefusal>] = []
    results.reserveCapacity(batch)
    var wrap = 0.0
    var unwrap = 0.0
    let rounds = max(1, count / batch)
    for _ in 0..<rounds {
      let start = bench_thread_cpu()
      var output = OutputRawSpan(buffer: memory, initializedCount: 0)
      try self.initiator.wrap(plaintext.span.bytes, pieces: pieces, sealed: sealed, prefix: 4, into: &output)
      _ = output.finalize(for: memory)
      let wrapped = bench_thread_cpu()
      var received = MutableRawSpan(_unsafeBytes: memory)
      results.removeAll(keepingCapacity: true)
      self.acceptor.unwrap(&received, tokens: tokens, into: &results)
      let unwrapped = bench_thread_cpu()
      guard case .success(let last)? = results.last, last.plaintext.count == self.size else {
        throw BenchmarkError("the engine opens something else")
      }
      wrap += wrapped - start
      unwrap += unwrapped - wrapped
    }
    let each = Double(rounds * batch)
    return (wrap / each, unwrap / each)
  }
}
