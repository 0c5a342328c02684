/// Everything that an operator decides about a gateway.
///
/// A program makes one with ``init(listen:kerberos:passwords:timeouts:limits:udp:bind:rules:)``; an operator writes YAML, which
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
  /// `udp`: how datagrams are relayed.
  public var udp: UDP
  /// `bind`: how BIND listens.
  public var bind: Bind
  /// `rules`: who may reach what; see ``AccessPolicy``. 1 to 1000 of them.
  ///
  /// Each rule is a mapping with the keys
  /// - `allow` or `deny`, one of them: a list of commands (``AccessCommand``): `connect`, `bind` and `associate`;
  /// - `principals`: a list of patterns for principals (``PrincipalPattern``) and for users with a password (`user:NAME`,
  ///   ``UserPattern``), or the words `anonymous` and `unauthenticated`. May be left out after `deny` only;
  /// - `to`: a list of targets (``TargetPattern``). May be left out after `deny` only;
  /// - `ports`: a list such as `[22, 8000-8100]`. Default: every port;
  /// - `from`: a list of the networks that clients come from. Default: every one;
  /// - `name`: a text for logs, at most 100 characters. Default: none.
  ///
  /// A list has 1 to 1000 entries.
  public var rules: [AccessRule]

  public init(
    listen: [Listener], kerberos: Kerberos, passwords: Passwords? = nil, timeouts: Timeouts = Timeouts(),
    limits: Limits = Limits(), udp: UDP = UDP(), bind: Bind = Bind(), rules: [AccessRule]
  ) {
    self.listen = listen
    self.kerberos = kerberos
    self.passwords = passwords
    self.timeouts = timeouts
    self.limits = limits
    self.udp = udp
    self.bind = bind
    self.rules = rules
  }

  /// The largest file that is read.
  public static let maximumOctets = 1 << 20
  public static let maximumListeners = 64
  /// The most entries of any list inside a rule.
  public static let maximumEntries = 1000
}
