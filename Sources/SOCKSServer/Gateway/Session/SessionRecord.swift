import Logging
import NIOCore
import ProxySession
import SOCKSCore
import SOCKSNIO

/// What there is to say of one connection when it has ended: one line of log, whatever became of it.
struct SessionRecord {
  /// Unique in this process.
  let id: UInt64
  let client: SOCKSAddress?
  let began: NIODeadline
  /// How the client was to authenticate.
  var method: SOCKSMethod?
  /// The client has offered other methods, too.
  var hasAlternatives = false
  /// Who it is, when no context says so.
  var name: Identity?
  var attributes: SecurityContextAttributes?
  /// The departures from RFC 1961 that were made use of.
  var compatibility: Set<CompatibilitySwitch> = []
  var level: ProtectionLevel?
  /// What makes and opens the tokens.
  var engine: String?
  /// The service that the ticket of a failed login shows, unproved.
  var serviceClaimed: String?
  var target: SOCKSAddress?
  /// The host that the rules were asked about and that was resolved, where it is another than the target's.
  var resolvedName: SOCKSHost?
  /// The address that was connected to.
  var peer: SOCKSAddress?
  /// Where BIND has listened.
  var bound: SOCKSAddress?
  /// Connections to it that were not from the peer.
  var rejectedPeers: UInt64 = 0
  /// Under which the target is or would have been reached; of an association, the first that was used.
  var grant: Grant?
  var bytesUp: UInt64 = 0
  var bytesDown: UInt64 = 0
  /// Nil unless datagrams were relayed.
  var association: AssociationCounts?
  /// The client has sent a token or a password.
  var hasSentCredential = false
  var outcome = SessionOutcome()
  /// The ticket expired before the session ended, and policy let it go on.
  var outlivedTicket = false

  init(id: UInt64, client: SOCKSAddress?, began: NIODeadline) {
    self.id = id
    self.client = client
    self.began = began
  }

  /// Names come from outside, as they are: what writes the log quotes them.
  func metadata(ended: NIODeadline) -> Logger.Metadata {
    var metadata: Logger.Metadata = ["session": "\(self.id)"]
    metadata["client"] = self.client.map { "\($0)" }
    metadata["method"] = self.method.map { "\($0)" }
    metadata["principal"] = self.name.map { "\($0.description)" }
    if let attributes = self.attributes {
      metadata["principal"] = "\(Identity.distinct(displayedPrincipal: attributes.initiatorName))"
      metadata["service"] = "\(attributes.acceptorName)"
      metadata["mechanism"] = "\(attributes.mechanism)"
      metadata["enctype"] = attributes.encryptionType.map { "\(Self.name(ofEncryptionType: $0))" }
    }
    metadata["service_claimed"] = self.serviceClaimed.map { "\($0)" }
    metadata["level"] = self.level.map { "\($0)" } ?? (self.compatibility.contains(.unprotected) ? "none" : nil)
    metadata["engine"] = self.engine.map { "\($0)" }
    if !self.compatibility.isEmpty {
      metadata["compatibility"] = "\(self.compatibility.map(\.rawValue).sorted().joined(separator: ","))"
    }
    metadata["target"] = self.target.map { "\($0.description)" }
    metadata["resolved_name"] = self.resolvedName.map { "\($0.description)" }
    metadata["peer"] = self.peer.map { "\($0)" }
    metadata["bound"] = self.bound.map { "\($0)" }
    if self.rejectedPeers > 0 { metadata["rejected_peers"] = "\(self.rejectedPeers)" }
    metadata["rule"] = self.ruleText.map { "\($0)" }
    metadata["bytes_up"] = "\(self.bytesUp)"
    metadata["bytes_down"] = "\(self.bytesDown)"
    if let association = self.association { metadata.merge(association.metadata) { $1 } }
    metadata["duration_ms"] = "\((ended - self.began).nanoseconds / 1_000_000)"
    metadata.merge(self.end.fields(hint: self.end.hint(self.evidence))) { $1 }
    if self.outlivedTicket { metadata["ticket"] = "expired during the session" }
    return metadata
  }

  /// How it ended; every session has an end by the time that it is logged.
  private var end: SessionEnd { self.outcome.end ?? SessionEnd(.bug, "the session has no end") }

  /// The rule that allows it, or else the one that the refusal names.
  private var ruleText: String? {
    if let grant = self.grant { return grant.rule.description }
    if case .refused(let refusal)? = self.outcome.end?.cause { return refusal.rule }
    return self.association?.refusingRule
  }

  private var evidence: SessionEnd.Evidence {
    SessionEnd.Evidence(
      method: self.method, hasAlternatives: self.hasAlternatives, hasSentCredential: self.hasSentCredential,
      compatibility: self.compatibility)
  }

  /// A session that was protected less than RFC 1961 says is a warning.
  var logLevel: Logger.Level {
    max(self.end.logLevel, self.compatibility.isEmpty ? .trace : .warning)
  }

  /// The client has neither authenticated nor tried to.
  var isAnonymous: Bool { !self.hasSentCredential && self.name == nil && self.attributes == nil }

  /// Sessions that are the same to anyone who reads the log.
  var kind: String { self.end.kind }

  private static func name(ofEncryptionType type: Int32) -> String {
    switch type {
    case 17: "aes128-cts-hmac-sha1-96"
    case 18: "aes256-cts-hmac-sha1-96"
    case 19: "aes128-cts-hmac-sha256-128"
    case 20: "aes256-cts-hmac-sha384-192"
    default: "\(type)"
    }
  }
}
