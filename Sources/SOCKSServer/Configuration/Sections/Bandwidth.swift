/// Octets in a second. Written `64KiB/s`, `10MiB/s` or `1GiB/s`.
public struct Bandwidth: Hashable, Sendable, CustomStringConvertible {
  /// 1 KiB to 1024 GiB.
  public let octetsPerSecond: Int

  static let bounds = 1 << 10...1 << 40

  /// - Returns: nil outside of 1 KiB to 1024 GiB.
  public init?(octetsPerSecond: Int) {
    guard Self.bounds.contains(octetsPerSecond) else { return nil }
    self.octetsPerSecond = octetsPerSecond
  }

  init(parsing text: String) throws(ValueError) {
    let expectation = ValueError("expected a bandwidth from 1KiB/s to 1024GiB/s such as 10MiB/s, not \(quoted(text))")
    guard text.hasSuffix("/s") else { throw expectation }
    let size: SizeText
    do { size = try SizeText(parsing: String(text.dropLast(2))) } catch { throw expectation }
    guard let bandwidth = Bandwidth(octetsPerSecond: size.octets) else { throw expectation }
    self = bandwidth
  }

  public var description: String { "\(SizeText.text(self.octetsPerSecond))/s" }
}
