internal import Glibc

/// Memory that is allocated, and whose contents nobody needs any more.
public enum UnusedMemory {
  /// Gives the pages that lie wholly inside some bytes back to the system. The bytes may read as zeros afterwards, and take up
  /// memory again only when they are written to.
  ///
  /// - Parameter bytes: in storage from `malloc` that nobody reads any more; otherwise their contents are lost.
  public static func release(_ bytes: some Collection<UInt8>) {
    let page = UInt(clamping: sysconf(Int32(_SC_PAGESIZE)))
    guard page > 0 else { return }
    _ = bytes.withContiguousStorageIfAvailable { bytes in
      guard let base = bytes.baseAddress else { return }
      let begin = UInt(bitPattern: base)
      let first = (begin + page - 1) / page * page
      let end = (begin + UInt(bytes.count)) / page * page
      guard first < end, let pages = unsafe UnsafeMutableRawPointer(bitPattern: first) else { return }
      // What it fails with changes nothing for anybody.
      _ = unsafe madvise(pages, Int(end - first), MADV_DONTNEED)
    }
  }
}
