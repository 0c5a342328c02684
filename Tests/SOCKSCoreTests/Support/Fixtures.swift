import SOCKSCore

extension SecurityContextAttributes {
  /// What an honest client and an honest server agree on.
  static let strong = Self(
    services: [.mutual, .replay, .sequence, .integrity, .confidentiality], mechanism: "krb5", encryptionType: 18,
    initiatorName: "alice@EXAMPLE.COM", acceptorName: "socks/gw.example.com@EXAMPLE.COM", lifetime: 36_000)

  static func granting(_ services: Services) -> Self {
    var attributes = Self.strong
    attributes.services = services
    return attributes
  }

  static let withoutConfidentiality = Self.granting([.mutual, .replay, .sequence, .integrity])
}

extension GSSAcceptorSubnegotiation.Configuration {
  static func serving(
    levels: Set<ProtectionLevel> = Set(ProtectionLevel.allCases), maximumRounds: Int = 1,
    compatibility: Set<CompatibilitySwitch> = []
  ) -> Self {
    Self(
      levels: levels, requirements: .acceptor(servedNames: ["socks", "rcmd"]), maximumRounds: maximumRounds,
      compatibility: compatibility)
  }
}

extension UnwrapOutcome {
  /// A token with which all is well.
  static func good(
    _ number: UInt64?, length: Int = 1, isConfidential: Bool = false, status: Status = []
  ) -> Self {
    Self(plaintextLength: length, isConfidential: isConfidential, status: status, sequenceNumber: number)
  }
}

extension SOCKSRequest {
  static let connect = SOCKSRequest(
    command: .connect, destination: SOCKSAddress(.v4(0xC000_0201), port: 443))

  /// `05 01 00 01 c0000201 01bb`
  static let connectOctets: [UInt8] = [0x05, 0x01, 0x00, 0x01, 0xc0, 0x00, 0x02, 0x01, 0x01, 0xbb]

  static let bind = SOCKSRequest(command: .bind, destination: SOCKSAddress(.v4(0xC000_0201), port: 443))

  /// `05 02 00 01 c0000201 01bb`
  static let bindOctets: [UInt8] = [0x05, 0x02, 0x00, 0x01, 0xc0, 0x00, 0x02, 0x01, 0x01, 0xbb]
}

extension SOCKSReply {
  static let success = SOCKSReply(code: .succeeded, bound: SOCKSAddress(.v4(0xCB00_7105), port: 1080))

  /// `05 00 00 01 cb007105 0438`
  static let successOctets: [UInt8] = [0x05, 0x00, 0x00, 0x01, 0xcb, 0x00, 0x71, 0x05, 0x04, 0x38]
}

extension [ServerMethod] {
  /// In this order.
  static let all: Self = [.gssapi(.serving()), .usernamePassword, .noAuthentication]
}

extension ServerNegotiation.Action {
  /// The requests of these tests have one destination.
  static func serve(_ command: ServedCommand) -> Self {
    .serve(command, destination: SOCKSRequest.connect.destination)
  }
}

extension PeerOutput {
  static func served(_ command: ServedCommand) -> Self { .served(command, SOCKSRequest.connect.destination) }
}
