import GSSAPI
import KerberosTokens
import NIOCore
import SOCKSCore
import SOCKSNIO
import Synchronization

/// What protects the messages of this process's sessions once they are established: chosen and tested once, at the start.
///
/// The library establishes every context and agrees on the level. After that an engine of our own takes sessions over
/// that it can prove to treat as the library would: Kerberos with AES (encryption types 17 to 20).
public final class TokenEngine: Sendable {
  /// What an operator may ask for.
  public enum Choice: String, Hashable, Sendable, CaseIterable {
    /// The fastest that this machine has and that passes its test.
    case auto
    /// The engine on libcrypto, the same on every machine.
    case portable
    /// The system's GSS-API library for everything.
    case system
  }

  /// What a machine may have to do without, for tests and for comparisons.
  public struct Restrictions: Hashable, Sendable {
    var allowsMultiBuffer = true
    var mask: CipherMask = []

    public init() {}

    /// Reads words such as `avx512,sha`: features of the processor (`avx512`, `sha`, `avx2`) or `multi-buffer`, the whole
    /// library. Nil for any other word.
    public init?(parsing text: String) {
      for word in text.split(separator: ",") {
        switch word {
        case "avx512": self.mask.insert(.avx512)
        case "sha": self.mask.insert(.sha)
        case "avx2": self.mask.insert(.avx2)
        case "multi-buffer": self.allowsMultiBuffer = false
        default: return nil
        }
      }
    }
  }

  /// How many sessions the engine has taken over, and how many have stayed with the library although there is one.
  public struct Counts: Hashable, Sendable {
    public var takenOver: UInt64 = 0
    public var stayed: UInt64 = 0
  }

  private struct State {
    var providers: [ObjectIdentifier: NIOLoopBound<CipherProvider>] = [:]
    var counts = Counts()
    var hasTold = false
  }

  /// What makes and opens tokens, such as `multi-buffer 1.3.0 (AVX-512, VAES, SHA)`, `libcrypto 3.0.19` or `system`.
  public let name: String
  /// The same in a word: `multi-buffer`, `libcrypto` or `system`.
  public var word: String { self.recipe.map { "\($0)" } ?? "system" }
  /// Why it is this one and not a faster one; nil when it is the fastest there is.
  public let reason: String?
  /// Nil: the library does everything.
  private let recipe: ProviderRecipe?
  private let onFirstObstacle: @Sendable (String) -> Void
  private let state = Mutex(State())

  /// Chooses, and tests what is chosen: a few hundredths of a second, so not on an event loop.
  ///
  /// - Parameter onFirstObstacle: told in words, once, when a session cannot be taken over for the first time.
  public init(
    _ choice: Choice, restrictions: Restrictions = Restrictions(),
    onFirstObstacle: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    let selection = EngineSelection(choice, restrictions)
    self.name = selection.name
    self.reason = selection.reason
    self.recipe = selection.recipe
    self.onFirstObstacle = onFirstObstacle
  }

  /// The fastest that this machine has: one for all who do not choose for themselves.
  public static let automatic = TokenEngine(.auto)

  /// ``name``, and the reason in brackets.
  public var description: String { self.name + (self.reason.map { " (\($0))" } ?? "") }

  public var counts: Counts { self.state.withLock { $0.counts } }

  /// The protection of a context that belongs to this loop, on which this is called.
  func protection(
    of context: consuming GSSSecurityContext, on eventLoop: any EventLoop
  ) -> any PerMessageProtection {
    let library = SystemProtection(context)
    guard let provider = self.provider(on: eventLoop) else { return library }
    return EstablishedProtection(library, tokens: self, provider: provider)
  }

  func tookOver() { self.state.withLock { $0.counts.takenOver += 1 } }

  func stayed(_ obstacle: TakeOver.Obstacle) {
    let isFirst = self.state.withLock { state in
      state.counts.stayed += 1
      defer { state.hasTold = true }
      return !state.hasTold
    }
    if isFirst { self.onFirstObstacle("\(obstacle)") }
  }

  /// One for each loop, made when it is first wanted. Loops are as many as threads, and live as long as the process.
  private func provider(on eventLoop: any EventLoop) -> CipherProvider? {
    guard let recipe = self.recipe else { return nil }
    let key = ObjectIdentifier(eventLoop)
    if let known = self.state.withLock({ $0.providers[key] }) { return known.value }
    guard let made = try? recipe.makeProvider() else { return nil }
    self.state.withLock { $0.providers[key] = NIOLoopBound(made, eventLoop: eventLoop) }
    return made
  }
}
