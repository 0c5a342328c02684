internal import CMalloc

/// What becomes of memory that this program gives back to the C library.
public enum FreedMemory {
  /// Octets that the C library keeps for each of its arenas (one a thread) and does not give back to the system at once.
  /// Room for two of the longest reads and for what is made of them.
  public static let kept: CInt = 8 * 1_024 * 1_024

  /// Keeps some freed memory at hand, for a program that uses large buffers again and again.
  ///
  /// Left alone, the C library maps a buffer of more than 128 KiB by itself, or cuts the free end of an arena off as soon
  /// as it is that large: each buffer is then paid for with the faults of all of its pages. To be called once, at the
  /// start. It is advice: nothing fails without it.
  public static func keepForReuse() {
    _ = mallopt(M_MMAP_THRESHOLD, kept)
    _ = mallopt(M_TRIM_THRESHOLD, kept)
  }
}
