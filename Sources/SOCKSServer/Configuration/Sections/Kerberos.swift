public import SOCKSCore
public import SOCKSGSSAPI

extension Configuration {
  /// `kerberos`: how clients authenticate, and how their data is protected.
  public struct Kerberos: Hashable, Sendable {
    /// `keytab`: the file with the service's keys, an absolute path or `TYPE:NAME`. Required.
    public var keytab: String
    /// `services`: the first components of the principals that clients may ask tickets for; any host name that the
    /// keytab has. 1 to 16 of them. Default: `[socks, rcmd]`.
    public var services: [String]
    /// `levels`: the protection levels of RFC 1961 section 4.3 that clients may use. Default: all three.
    public var levels: [ProtectionLevel]
    /// `replay_cache`: the file in which the library notes the authenticators it has seen, an absolute path. Default:
    /// the library's own choice.
    public var replayCache: String?
    /// `mechanisms`: how a context may be established. Default: `[krb5]`.
    public var mechanisms: [Mechanism]
    /// `expired`: what happens to a session whose ticket expires. Default: `close`.
    public var expired: Expiry
    /// `selective`: what the gateway itself does at level 3, a mapping.
    public var selective: Selective
    /// `clock_skew`: what the library adds to the life of a ticket: `clockskew` of krb5.conf. 0s to 1h. Default: 5m.
    public var clockSkew: Duration
    /// `engine`: what makes and opens the tokens of established sessions: `auto`, the fastest that this machine has and that
    /// passes its test; `portable`, the project's own on libcrypto; `system`, the GSS-API library. Default: `auto`.
    public var engine: TokenEngine.Choice

    public init(
      keytab: String, services: [String] = ["socks", "rcmd"],
      levels: [ProtectionLevel] = [.confidentiality, .integrity, .selective], replayCache: String? = nil,
      mechanisms: [Mechanism] = [.krb5], expired: Expiry = .close, selective: Selective = Selective(),
      clockSkew: Duration = .seconds(300), engine: TokenEngine.Choice = .auto
    ) {
      self.keytab = keytab
      self.services = services
      self.levels = levels
      self.replayCache = replayCache
      self.mechanisms = mechanisms
      self.expired = expired
      self.selective = selective
      self.clockSkew = clockSkew
      self.engine = engine
    }

    public enum Mechanism: String, Hashable, Sendable, CaseIterable {
      case krb5
      /// SPNEGO, with nothing but Kerberos inside.
      case spnego
    }

    public enum Expiry: String, Hashable, Sendable, CaseIterable {
      /// The session ends with its ticket.
      case close
      /// The session goes on, and its record says so.
      case log
    }

    /// `selective`: what the gateway itself does at level 3.
    public struct Selective: Hashable, Sendable {
      /// `seal`: Default: `unless-encrypted`.
      public var seal: SelectiveSealing.Policy

      public init(seal: SelectiveSealing.Policy = .unlessEncrypted) {
        self.seal = seal
      }
    }

    public static let maximumServices = 16

    static let clockSkews: ClosedRange<Duration> = .zero ... .seconds(3600)
  }
}
