extension StandardStream {
  /// Reads what there is, and waits until there is something. Blocks.
  ///
  /// - Parameter limit: octets at most; at least 1 is used.
  /// - Returns: empty at the end of the stream.
  public func read(limit: Int) throws(SystemError) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: max(1, limit))
    let count = try StandardStreamCopy.read(self.rawValue, &buffer)
    return Array(buffer.prefix(count))
  }

  /// Writes all octets. Blocks while the reader is slow.
  public func write(_ octets: [UInt8]) throws(SystemError) {
    try StandardStreamCopy.write(self.rawValue, octets, octets.count)
  }
}
