import SOCKSCore
import Testing

@Suite struct ContextRequirementsTests {
  typealias Services = SecurityContextAttributes.Services

  static let server = ContextRequirements.acceptor(servedNames: ["socks", "rcmd"])

  @Test func anHonestContextIsTaken() {
    #expect(Self.server.violation(of: .strong) == nil)
    for level in ProtectionLevel.allCases {
      #expect(ContextRequirements.initiator(level: level).violation(of: .strong) == nil)
    }
  }

  /// Every combination of services: the server needs MUTUAL, REPLAY and INTEG, the client what it asked for.
  @Test func everyServiceThatIsRequiredIsMissed() {
    for rawValue in UInt8(0)..<32 {
      let services = Services(rawValue: rawValue)
      let attributes = SecurityContextAttributes.granting(services)
      let isEnough = services.isSuperset(of: [.mutual, .replay, .integrity])
      #expect(Self.server.violation(of: attributes) == (isEnough ? nil : SOCKSError(.contextTooWeak)))
      for level in ProtectionLevel.allCases {
        let isEnough =
          services.isSuperset(of: [.mutual, .replay, .sequence, .integrity])
          && (level == .integrity || services.contains(.confidentiality))
        let violation = ContextRequirements.initiator(level: level).violation(of: attributes)
        #expect(violation == (isEnough ? nil : SOCKSError(.contextTooWeak)), "\(level), services \(rawValue)")
      }
    }
  }

  @Test func theLogNamesWhatIsMissing() {
    let violation = Self.server.violation(of: .granting([.replay]))
    #expect(violation?.detail.contains("MUTUAL, INTEG") == true)
  }

  /// Also where the key for messages is AES: it was agreed on under this one.
  @Test(arguments: [1, 3, 16, 23, 24, 0, -128])
  func aWeakTicketIsRefusedWithWordsThatFixIt(type: Int32) {
    var attributes = SecurityContextAttributes.strong
    attributes.ticketSessionType = type
    for requirements in [Self.server, ContextRequirements.initiator(level: .integrity)] {
      let violation = requirements.violation(of: attributes)
      #expect(violation == SOCKSError(.contextTooWeak))
      #expect(violation?.detail.contains("msDS-SupportedEncryptionTypes") == true)
    }
  }

  @Test(arguments: [17, 18, 19, 20])
  func aTicketWithAnAESKeyIsTaken(type: Int32) {
    var attributes = SecurityContextAttributes.strong
    attributes.ticketSessionType = type
    #expect(Self.server.violation(of: attributes) == nil)
  }

  @Test(arguments: [17, 18, 19, 20])
  func anAESKeyIsTaken(type: Int32) {
    var attributes = SecurityContextAttributes.strong
    attributes.encryptionType = type
    #expect(Self.server.violation(of: attributes) == nil)
    #expect(ContextRequirements.initiator(level: .integrity).violation(of: attributes) == nil)
  }

  /// DES, 3DES, RC4, Camellia, none at all.
  @Test(arguments: [nil, -1, 0, 1, 2, 3, 16, 21, 23, 24, 25, 26, .max, .min] as [Int32?])
  func anyOtherKeyIsRefused(type: Int32?) {
    var attributes = SecurityContextAttributes.strong
    attributes.encryptionType = type
    #expect(Self.server.violation(of: attributes) == SOCKSError(.contextTooWeak))
    #expect(
      ContextRequirements.initiator(level: .integrity).violation(of: attributes) == SOCKSError(.contextTooWeak))
  }

  @Test func anonymousInitiatorsAreRefusedUnlessAllowed() {
    var attributes = SecurityContextAttributes.strong
    attributes.services.insert(.anonymous)
    #expect(Self.server.violation(of: attributes) == SOCKSError(.contextTooWeak))
    let open = ContextRequirements.acceptor(servedNames: ["socks"], allowsAnonymous: true)
    #expect(open.violation(of: attributes) == nil)
  }

  @Test(arguments: [
    "socks/gw.example.com@EXAMPLE.COM", "rcmd/gw.example.com@EXAMPLE.COM", "socks/other@OTHER",
  ])
  func aServedNameIsTaken(name: String) {
    var attributes = SecurityContextAttributes.strong
    attributes.acceptorName = name
    #expect(Self.server.violation(of: attributes) == nil)
  }

  @Test(arguments: [
    "host/gw.example.com@EXAMPLE.COM", "HTTP/gw.example.com@EXAMPLE.COM", "sock/gw@R", "sockss/gw@R", "SOCKS/gw@R",
    "socks\\/gw@R", "\\socks/gw@R", " socks/gw@R", "host/socks@R", "host@socks", "", "/", "@", "@socks",
    // Without a host, or with more than one.
    "socks@EXAMPLE.COM", "socks/@EXAMPLE.COM", "socks", "socks/", "socks/gw/other@R", "socks//gw@R", "/gw@R",
  ])
  func anyOtherNameIsRefused(name: String) {
    var attributes = SecurityContextAttributes.strong
    attributes.acceptorName = name
    #expect(Self.server.violation(of: attributes) == SOCKSError(.serviceNotServed))
    #expect(ContextRequirements.initiator(level: .integrity).violation(of: attributes) == nil)
  }

  @Test func nothingServedMeansNothingTaken() {
    #expect(
      ContextRequirements.acceptor(servedNames: []).violation(of: .strong) == SOCKSError(.serviceNotServed))
  }

  @Test func aNameWithControlCharactersIsShownEscaped() {
    var attributes = SecurityContextAttributes.strong
    attributes.acceptorName = "evil\u{1b}[2J\r\n/gw@R"
    let detail = Self.server.violation(of: attributes)?.detail ?? ""
    #expect(detail.contains("evil\\u{1b}[2J\\u{d}\\u{a}/gw@R"))
  }
}
