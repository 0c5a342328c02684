import ProxySession
import SOCKSCore

/// The complete names that a name may stand for, to be looked for one after the other.
struct NameQuestion: Hashable, Sendable {
  struct Candidate: Hashable, Sendable {
    let name: HostName
    let source: Source
    /// The rules refuse it, whatever its addresses are.
    var isRefused = false
  }

  enum Source: Hashable, Sendable {
    /// A single label, which the hosts file may know; nobody else is asked.
    case hostsFile
    /// `localhost`: the hosts file, or else both loopback addresses (RFC 6761 section 6.3).
    case localhost
    /// The hosts file, or else the resolver.
    case resolver
  }

  /// At least one.
  var candidates: [Candidate]

  /// The complete names of a name: it alone, unless it is a single label without a final dot.
  ///
  /// - Parameter search: domains to append to such a label.
  init(_ name: HostName, search: [HostName]) {
    if name.isLocalhost {
      self.candidates = [Candidate(name: name, source: .localhost)]
    } else if !name.hasSingleLabel || name.isAbsolute {
      self.candidates = [Candidate(name: name, source: .resolver)]
    } else {
      self.candidates =
        [Candidate(name: name, source: .hostsFile)]
        + search.compactMap { name.appending($0) }.map { Candidate(name: $0, source: .resolver) }
    }
  }

  /// Whether it is a label that is looked for in the hosts file only: `names.search` is not set, or makes it too long.
  var isLabelAlone: Bool { self.candidates.map(\.source) == [.hostsFile] }
}

/// What has become of a ``NameQuestion``.
enum NameAnswer: Hashable, Sendable {
  /// The first candidate that has addresses, by its place, and the addresses, at least one.
  case found(candidate: Int, addresses: [IPAddress])
  /// The first candidate that the rules refuse, by its place, with none in front of it that has addresses.
  case refused(candidate: Int)
}

/// A ``NameQuestion`` has no answer.
struct NameFailure: Error, Hashable, Sendable {
  /// The candidate that was being looked for, by its place; nil where that is not known.
  var candidate: Int?
  var end: SessionEnd
}

/// Where complete names are looked up. Both may block, and return at most so many addresses.
struct NameSources: Sendable {
  /// Fails with `noSuchName` where there is no such name or no address, and with another cause where nobody can say.
  var lookUp: @Sendable (String, Int) -> Result<[IPAddress], SessionEnd>
  /// No addresses where the file does not know the name.
  var inHostsFile: @Sendable (String, Int) -> Result<[IPAddress], SessionEnd>

  /// Looks for the candidates in their order.
  ///
  /// A search goes on only behind a name that certainly has no address. Behind one that is refused, or that nobody can tell
  /// of at this time, it ends: else a rule or a failing server would lead to the host of the same label in another domain.
  func answer(_ question: NameQuestion, limit: Int) -> Result<NameAnswer, NameFailure> {
    var last = NameFailure(end: SessionEnd(.connectFailed(.noSuchName), "there is no such name"))
    for (index, candidate) in question.candidates.enumerated() {
      // A refused name is not asked of anybody; whether this machine has it in its file has to be known, for then the
      // label means that host and is refused.
      if candidate.isRefused, candidate.source == .resolver { return .success(.refused(candidate: index)) }
      switch self.addresses(of: candidate, limit: limit) {
      case .success(let addresses):
        guard !addresses.isEmpty else { continue }
        return .success(
          candidate.isRefused ? .refused(candidate: index) : .found(candidate: index, addresses: addresses))
      case .failure(let error) where error.cause == .connectFailed(.noSuchName):
        last = NameFailure(candidate: index, end: error)
      case .failure(let error):
        return .failure(NameFailure(candidate: index, end: error))
      }
    }
    guard !question.isLabelAlone else {
      return .failure(NameFailure(candidate: 0, end: SessionEnd(.connectFailed(.noSuchName), question.labelHint)))
    }
    return .failure(last)
  }

  private func addresses(of candidate: NameQuestion.Candidate, limit: Int) -> Result<[IPAddress], SessionEnd> {
    let name = candidate.name.canonical
    switch candidate.source {
    case .resolver: return self.lookUp(name, limit)
    case .hostsFile: return self.inHostsFile(name, limit)
    case .localhost:
      return self.inHostsFile(name, limit).map {
        $0.isEmpty ? Array([.v6(high: 0, low: 1), .v4(0x7F00_0001)].prefix(limit)) : $0
      }
    }
  }
}

extension NameQuestion {
  /// Why a label alone is nobody, and what makes it a name.
  var labelHint: String {
    "a name of a single label means a host of the hosts file; for others name the domains to append under names.search"
  }
}
