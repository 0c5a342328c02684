import NIOCore

/// The protection level: what is asked for, what is allowed here, and the answer (RFC 1961 section 4).
extension GSSAcceptorSubnegotiation {
  /// What the level message is answered with.
  enum Agreement: Hashable {
    case protection(AgreedProtection)
    /// Level 0.
    case unprotected(UnprotectedSession)

    var octet: UInt8 {
      switch self {
      case .protection(let agreed): agreed.level.rawValue
      case .unprotected: 0x00
      }
    }
  }

  mutating func judgeLevel(
    _ octets: [UInt8], _ outcome: UnwrapOutcome, _ attributes: SecurityContextAttributes
  ) -> Action {
    var check = IncomingMessageCheck()
    do throws(SOCKSError) {
      // The token may be sealed or not; it has to be unwrapped without any reservation.
      try check.verify(outcome)
    } catch {
      return self.fail(error)
    }
    guard octets.count == 1, let octet = octets.first else {
      return self.fail(.invalidLevel, "the client sent \(octets.count) octets instead of a level")
    }
    do throws(SOCKSError) {
      let agreement = try self.agreement(on: octet, attributes, check, compatibility: [])
      self.state = .wrappingProtectionLevel(agreement)
      return .wrapProtectionLevel(agreement.octet)
    } catch {
      return self.fail(error)
    }
  }

  /// The level without a token around it, and the answer likewise.
  mutating func receivedClearLevel(_ octet: UInt8, _ attributes: SecurityContextAttributes) -> Action {
    do throws(SOCKSError) {
      let agreement = try self.agreement(on: octet, attributes, IncomingMessageCheck(), compatibility: [.nec])
      return self.agree(agreement, answer: ByteBuffer(bytes: [agreement.octet]))
    } catch {
      return self.fail(error)
    }
  }

  mutating func agree(_ agreement: Agreement, answer token: ByteBuffer) -> Action {
    self.state = .agreed
    switch agreement {
    case .protection(let agreed): return .protect(agreed, answer: .protectionLevel(token: token))
    case .unprotected(let session): return .leaveUnprotected(session, answer: .protectionLevel(token: token))
    }
  }

  private func agreement(
    on octet: UInt8, _ attributes: SecurityContextAttributes, _ check: IncomingMessageCheck,
    compatibility: Set<CompatibilitySwitch>
  ) throws(SOCKSError) -> Agreement {
    let asked = ProtectionLevel(rawValue: octet)
    if self.configuration.compatibility.contains(.unprotected), asked != nil || octet == 0x00 {
      return .unprotected(
        UnprotectedSession(attributes: attributes, compatibility: compatibility.union([.unprotected])))
    }
    guard let asked else {
      throw SOCKSError(octet == 0x00 ? .levelZero : .invalidLevel, "the client asked for level \(octet)")
    }
    var allowed = self.configuration.levels
    if !attributes.services.contains(.confidentiality) { allowed.formIntersection([.integrity]) }
    // "the security context protection level which it agrees to": never weaker than what was asked for, since a client in
    // the field goes on with its own level whatever the answer is.
    guard let level = asked.answer(allowed: allowed) else {
      throw SOCKSError(
        .levelNotAcceptable, "the client asked for level \(asked.rawValue) (\(asked)), not allowed here")
    }
    return .protection(
      AgreedProtection(
        level: level, attributes: attributes, incoming: check.at(level), compatibility: compatibility))
  }
}
