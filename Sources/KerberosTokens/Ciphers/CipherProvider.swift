/// A cipher library and the room to work in, for one event loop or thread: make one for each, and give it to all the
/// sessions that live there. It is not Sendable; then the compiler keeps it there.
///
/// A provider that has not passed ``ProviderSelfTest`` is not to be trusted: take the recipe that ``ProviderSelection``
/// chose.
///
/// The way from an established context to tokens:
///
/// 1. At start, once: `ProviderSelection.select(…)`, with libkrb5 as the reference.
/// 2. On each event loop, once: `chosen.recipe.makeProvider()`.
/// 3. For each context, on its event loop: look at its key and numbers, delete it, `TokenSession(key:_:provider:)`.
///    A session's first proof is the context's own signed token: nothing in one is random, so the session's token for the
///    same number must be the library's, octet for octet.
/// 4. `TokenSplit.cut` into pieces, `session.wrap` into one buffer of frames; `session.unwrap` where the tokens lie.
public final class CipherProvider {
  /// What it is, for a log line: `libcrypto 3.0.19`, `multi-buffer 1.3.0 (AVX-512, VAES, SHA)`.
  public let name: String

  let ciphers: any BatchCiphers
  let bench = WorkBench()
  var confounders = ConfounderPool()

  init(_ ciphers: any BatchCiphers, name: String) {
    self.ciphers = ciphers
    self.name = name
  }
}
