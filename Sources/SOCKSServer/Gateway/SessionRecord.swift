import Logging
import NIOCore
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
  /// Who it is, when no context says so.
  var name: Identity?
  var attributes: SecurityContextAttributes?
  /// The departures from RFC 1961 that were made use of.
  var compatibility: Set<CompatibilitySwitch> = []
  var level: ProtectionLevel?
  /// What makes and opens the tokens.
  var engine: String?
  var target: SOCKSAddress?
  var reached: SOCKSAddress?
  /// Where BIND has listened.
  var bound: SOCKSAddress?
  /// Connections to it that were not from the peer.
  var refusedPeers: UInt64 = 0
  var rule: RuleReference?
  var octetsFromClient: UInt64 = 0
  var octetsFromTarget: UInt64 = 0
  /// Nil unless datagrams were relayed.
  var association: AssociationCounts?
  /// Nil for a session that both sides ended in order.
  var error: SOCKSError?
  /// The phase in which a negotiation failed.
  var phase: ServerNegotiation.Phase?
  /// The ticket expired before the session ended, and policy let it go on.
  var outlivedTicket = false

  init(id: UInt64, client: SOCKSAddress?, began: NIODeadline) {
    self.id = id
    self.client = client
    self.began = began
  }

  /// The details of an error that are logged: scalars.
  static let detailLimit = 512

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
    metadata["level"] = self.level.map { "\($0)" } ?? (self.compatibility.contains(.unprotected) ? "none" : nil)
    metadata["engine"] = self.engine.map { "\($0)" }
    if !self.compatibility.isEmpty {
      metadata["compatibility"] = "\(self.compatibility.map(\.rawValue).sorted().joined(separator: ","))"
    }
    metadata["target"] = self.target.map { "\($0.description)" }
    metadata["reached"] = self.reached.map { "\($0)" }
    metadata["bound"] = self.bound.map { "\($0)" }
    if self.refusedPeers > 0 { metadata["refused_peers"] = "\(self.refusedPeers)" }
    metadata["rule"] = self.rule.map { "\($0.description)" }
    metadata["octets_up"] = "\(self.octetsFromClient)"
    metadata["octets_down"] = "\(self.octetsFromTarget)"
    if let association = self.association { metadata.merge(association.metadata) { $1 } }
    metadata["duration_ms"] = "\((ended - self.began).nanoseconds / 1_000_000)"
    metadata["reason"] = "\(self.error?.code.description ?? "completed")"
    if let error = self.error {
      metadata["fault"] = "\(error.fault.rawValue)"
      if !error.detail.isEmpty {
        metadata["detail"] = "\(String(error.detail.unicodeScalars.prefix(Self.detailLimit)))"
      }
      metadata["hint"] = self.hint(for: error).map { "\($0)" }
    }
    metadata["phase"] = self.phase.map { "\($0.rawValue)" }
    if self.outlivedTicket { metadata["ticket"] = "expired during the session" }
    return metadata
  }

  /// The one place where an error becomes a log level. A session that was protected less than RFC 1961 says is a warning.
  var logLevel: Logger.Level {
    max(self.errorLevel, self.compatibility.isEmpty ? .trace : .warning)
  }

  private var errorLevel: Logger.Level {
    guard let error = self.error else { return .info }
    return switch error.fault {
    case .peerViolation, .peerIncompatible, .refusedByPolicy, .securityLibrary: .notice
    case .network, .localMisuse: .info
    case .bug: .error
    }
  }

  /// The likely cause in the field, where one is known.
  private func hint(for error: SOCKSError) -> String? {
    switch error.code {
    case .clearMessageWhereProtectionIsDue:
      "curl 8.17 or newer asks for a level that it cannot use; let such programs go through a bridge on their machine"
    case .noAcceptableMethod:
      "the program cannot do what is allowed here; let it go through a bridge on its machine"
    case .connectionClosed where self.method == .gssapi && self.phase == .authentication:
      "curl 7.69 to 8.16 offers GSS-API and cannot do it; prefer another method for its network, or use a bridge"
    case .wrongVersion where self.compatibility.contains(.unprotected):
      "Dante's client goes on with the level it asked for, whatever the answer; serve it without unprotected"
    case .levelMalformed:
      "curl up to 7.68 asks for level 0, which RFC 1961 does not have"
    default: nil
    }
  }

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
