public import Platform

extension Configuration {
  /// `log`: what the log on standard error looks like.
  public struct Log: Hashable, Sendable {
    /// `format`: `text`, or `json` with one object on each line. Default: `text`. `--log-format` of the command line wins.
    public var format: LogFormat = .text

    public init() {}
  }
}
