import Synchronization

/// Carries a value that cannot be copied through closures, which cannot consume what they capture, and between threads.
/// The first to take it has it.
final class OneShot<Value: ~Copyable & Sendable>: Sendable {
  private let value: Mutex<Value?>

  init(_ value: consuming sending Value) { self.value = Mutex(value) }

  /// The value; nil when it has been taken.
  func take() -> sending Value? { self.value.withLock { $0.take() } }
}
