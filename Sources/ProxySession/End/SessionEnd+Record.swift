public import Logging
import SOCKSCore

extension SessionEnd {
  /// The two programs whose records these are; they call the parties by different names.
  public enum Program: Hashable, Sendable {
    case gateway
    case bridge

    /// To the bridge, the far side is the gateway, or whatever is behind it: the protocol does not tell them apart.
    public func word(for party: SessionParty) -> String {
      switch (self, party) {
      case (.gateway, let party): party.rawValue
      case (.bridge, .client), (.bridge, .network): party.rawValue
      case (.bridge, .target): SessionParty.gateway.rawValue
      case (.bridge, .gateway): "bridge"
      }
    }

    func word(for fault: Fault) -> String {
      switch fault {
      case .client: self.word(for: SessionParty.client)
      case .target: self.word(for: SessionParty.target)
      case .gateway: self.word(for: SessionParty.gateway)
      case .network: self.word(for: SessionParty.network)
      case .policy: fault.rawValue
      }
    }
  }

  /// The record's fields about the end: `reason`, `closed_by`, and where they apply `phase`, `fault`, `refusal`,
  /// `protocol`, `detail`, `hint`.
  public func fields(of program: Program = .gateway, hint: String? = nil) -> Logger.Metadata {
    var fields: Logger.Metadata = ["reason": "\(self.reason)", "closed_by": "\(program.word(for: self.party))"]
    if self.cause != .completed { fields["phase"] = self.phase.map { "\($0.rawValue)" } }
    fields["fault"] = self.fault.map { "\(program.word(for: $0))" }
    switch self.cause {
    case .refused(let refusal): fields["refusal"] = "\(refusal.code.rawValue)"
    case .foreignProtocol(let name): fields["protocol"] = "\(name.rawValue)"
    case .completed, .refusedUpstream, .limit, .timeout, .stepTimeout, .evicted, .draining, .stopped, .ticketExpired,
      .connectFailed, .malformedName, .authenticationFailed, .trouble, .violation, .connectionClosed, .ioError, .bug:
      break
    }
    if !self.detail.isEmpty { fields["detail"] = "\(self.detailForTheLog)" }
    fields["hint"] = hint.map { "\($0)" }
    return fields
  }

  /// Equal for ends that are the same to anyone who reads the log. Made of the program's own words: there are few.
  public var kind: String {
    var words = [self.reason, self.phase?.rawValue ?? "", self.party.rawValue]
    if case .foreignProtocol(let name) = self.cause { words.append(name.rawValue) }
    return words.joined(separator: " ")
  }

  /// The most of a detail that is logged: Unicode scalars.
  private static let detailLimit = 512

  /// Of any content: what writes the log quotes it.
  var detailForTheLog: String { String(self.detail.unicodeScalars.prefix(Self.detailLimit)) }
}
