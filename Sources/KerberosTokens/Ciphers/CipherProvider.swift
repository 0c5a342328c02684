/// A cipher library and the room to work in, for one event loop or thread: make one for each, and give it to all the
/// sessions that live there. It is not Sendable; then the compiler keeps it there.
///
/// A provider that has not passed ``ProviderSelfTest`` is not to be trusted: take one from a ``ProviderRecipe`` that has.
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
