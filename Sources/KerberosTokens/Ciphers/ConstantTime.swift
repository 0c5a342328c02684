internal import CKerberosCiphers

/// Compares without telling by time where the difference is.
@unsafe func equalInConstantTime(_ one: UnsafePointer<UInt8>, _ other: UnsafeRawPointer, _ count: Int) -> Bool {
  unsafe ckc_equal(one, other.assumingMemoryBound(to: UInt8.self), count) == 1
}
