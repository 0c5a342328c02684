import SOCKSCore
import Testing

@Suite struct DatagramCheckTests {
  /// Level message 100, request and reply 101 and 102.
  static func begun(at level: ProtectionLevel = .confidentiality) throws -> DatagramCheck {
    var control = IncomingMessageCheck()
    try control.verify(datagram(100))
    control = control.at(level)
    for number in [101, 102] as [UInt64] { try control.verify(datagram(number)) }
    return try DatagramCheck(following: control)
  }

  static func datagram(
    _ number: UInt64?, isConfidential: Bool = true, status: UnwrapOutcome.Status = []
  ) -> UnwrapOutcome {
    UnwrapOutcome(plaintextLength: 12, isConfidential: isConfidential, status: status, sequenceNumber: number)
  }

  @Test func theControlConnectionsNumbersAreSeen() throws {
    var check = try Self.begun()
    for number in [0, 99, 100, 101, 102] as [UInt64] {
      #expect(throws: DatagramDrop.repeated) { try check.verify(Self.datagram(number)) }
    }
    try check.verify(Self.datagram(103))
    #expect(throws: DatagramDrop.repeated) { try check.verify(Self.datagram(103)) }
  }

  @Test func lostAndOvertakenDatagramsAreNoFault() throws {
    var check = try Self.begun()
    for number in [103, 110, 104, 5_000, 905] as [UInt64] { try check.verify(Self.datagram(number)) }
    #expect(throws: DatagramDrop.late) { try check.verify(Self.datagram(904)) }
  }

  /// The library's window is not ours.
  @Test func theLibrarysWordOnOrderCountsForNothing() throws {
    for rawValue in UInt8(0)..<16 {
      var check = try Self.begun()
      try check.verify(Self.datagram(103, status: .init(rawValue: rawValue)))
      #expect(throws: DatagramDrop.repeated) { try check.verify(Self.datagram(103)) }
    }
  }

  @Test func otherStatusesAreNotGenuine() throws {
    for rawValue in UInt8(16)...UInt8.max where rawValue & 0x10 != 0 {
      var check = try Self.begun()
      #expect(throws: DatagramDrop.notGenuine) {
        try check.verify(Self.datagram(103, status: .init(rawValue: rawValue)))
      }
      // And its number is not spent.
      try check.verify(Self.datagram(103))
    }
  }

  @Test func signedOnlyIsRefusedAtLevel2() throws {
    var check = try Self.begun(at: .confidentiality)
    #expect(throws: DatagramDrop.notConfidential) { try check.verify(Self.datagram(103, isConfidential: false)) }
    for level in [ProtectionLevel.integrity, .selective] {
      var check = try Self.begun(at: level)
      try check.verify(Self.datagram(103, isConfidential: false))
      try check.verify(Self.datagram(104, isConfidential: true))
    }
  }

  @Test func withoutNumbersThereIsNoAssociation() throws {
    var unnumbered = IncomingMessageCheck()
    try unnumbered.verify(Self.datagram(nil))
    for control in [unnumbered.at(.integrity), IncomingMessageCheck().at(.integrity)] {
      #expect(throws: SOCKSError(.protectionFailed)) { try DatagramCheck(following: control) }
    }
    var check = try Self.begun()
    #expect(throws: DatagramDrop.notGenuine) { try check.verify(Self.datagram(nil)) }
  }
}

@Suite struct DatagramDropTests {
  @Test func everyReasonIsCountedByItself() {
    for reason in DatagramDrop.allCases {
      var drops = DatagramDrops()
      drops.count(reason)
      drops.count(reason, datagrams: 2)
      #expect(drops[reason] == 3 && drops.total == 3)
      #expect(drops.description == "\(reason)=3")
    }
    #expect(Set(DatagramDrop.allCases.map(\.description)).count == DatagramDrop.allCases.count)
    #expect(DatagramDrops().description.isEmpty)
  }
}
