import NIOCore
import ProxySession

/// Everything that an operator decides about a gateway.
///
/// A program makes one with ``init(listen:kerberos:passwords:timeouts:limits:penalties:keepalive:udp:bind:log:rules:)``; an operator writes YAML, which
/// ``parse(octets:sourceName:)`` reads:
///
/// ```yaml
/// listen:
///   - address: 127.0.0.1:1080
/// kerberos:
///   keytab: /etc/garter/garterd.keytab
/// rules:                              # first match decides; nothing matches: refused
///   - allow: [connect]
///     principals: ["*@EXAMPLE.COM"]
///     to: ["*"]
/// ```
///
/// The keys of each part are described with its type. Only `listen`, `kerberos.keytab` and `rules` must be there. A key that is
/// there must have a value: nothing written, `null` and `~` are refused.
public struct Configuration: Hashable, Sendable {
  /// `listen`: where the gateway accepts connections, and how clients authenticate there. 1 to 64 of them.
  public var listen: [Listener]
  /// `kerberos`: how clients authenticate.
  public var kerberos: Kerberos
  /// `passwords`: the password file. Required when a listener takes passwords.
  public var passwords: Passwords?
  /// `timeouts`: how long things may take.
  public var timeouts: Timeouts
  /// `limits`: how much there may be of things.
  public var limits: Limits
  /// `names`: what names of a single label mean.
  public var names = Names()
  /// `udp`: how datagrams are relayed.
  public var udp: UDP
  /// `bind`: how BIND listens.
  public var bind: Bind
  /// `penalties`: what becomes of addresses that fail repeatedly.
  public var penalties: Penalties
  /// `keepalive`: how connections whose other end is gone are found.
  public var keepalive: Keepalive
  /// `log`: what the log looks like.
  public var log: Log
  /// `rules`: who may reach what; see ``AccessPolicy``. 1 to 1000 of them.
  ///
  /// Each rule is a mapping with the keys
  /// - `allow` or `deny`, one of them: a list of commands (``AccessCommand``): `connect`, `bind` and `associate`;
  /// - `principals`: a list of patterns for principals (``PrincipalPattern``) and for users with a password (`user:NAME`,
  ///   ``UserPattern``), or the words `anonymous` and `unauthenticated`. May be left out after `deny` only;
  /// - `to`: a list of targets (``TargetPattern``). May be left out after `deny` only;
  /// - `ports`: a list such as `[22, 8000-8100]`. Default: every port;
  /// - `from`: a list of the networks that clients come from. Default: every one;
  /// - `bandwidth`: octets in a second, each way, of all sessions that the rule allows together, as `10MiB/s`. Only after
  ///   `allow`. 1KiB/s to 1024GiB/s. Default: no limit;
  /// - `session`: how long such a session may last, in place of `timeouts.session`. Only after `allow`. 1s to 365d;
  /// - `name`: a text for logs, at most 100 characters. Default: none.
  ///
  /// A list has 1 to 1000 entries.
  public var rules: [AccessRule]

  public init(
    listen: [Listener], kerberos: Kerberos, passwords: Passwords? = nil, timeouts: Timeouts = Timeouts(),
    limits: Limits = Limits(), penalties: Penalties = Penalties(), keepalive: Keepalive = Keepalive(), udp: UDP = UDP(),
    bind: Bind = Bind(), log: Log = Log(), rules: [AccessRule]
  ) {
    self.listen = listen
    self.kerberos = kerberos
    self.passwords = passwords
    self.timeouts = timeouts
    self.limits = limits
    self.udp = udp
    self.bind = bind
    self.penalties = penalties
    self.keepalive = keepalive
    self.log = log
    self.rules = rules
  }

  /// Open files that the gateway wants, so that all its connections have their targets and authentication has files to
  /// spare.
  public var descriptorsNeeded: Int { DescriptorPlan(self, available: nil, eventLoops: System.coreCount).needed }

  /// The largest file that is read.
  public static let maximumOctets = 1 << 20
  public static let maximumListeners = 64
  /// The most entries of any list inside a rule.
  public static let maximumEntries = 1000
}
