import Testing

extension ProgramTests {
  /// SPNEGO in forms that the library's own initiator does not use.
  @Suite struct NegotiatedLoginTests {
    /// The key is chosen by the name in the ticket, in whichever message that comes.
    @Test(.timeLimit(.minutes(1))) func theTokenInTheSecondMessage() async throws {
      try await Gateway.run(GatewayConfiguration(kerberos: ["mechanisms: [krb5, spnego]"])) { gateway in
        let interop = try await InteropRealm.ready()
        let port = String(gateway.address.drop { $0 != ":" }.dropFirst())
        let ending = try await Script(
          text: #"exec "$@""#, arguments: Programs.peer("spnego_later.py") + [port], environment: interop.environment
        ).succeed()
        #expect(ending.text == "level 02\n")
        let record = try #require(try await gateway.sessions(1).first)
        #expect(record.metadata["principal"] == "alice@GARTER.TEST", "\(record)")
        #expect(record.metadata["service"] == "socks/localhost@GARTER.TEST", "\(record)")
      }
    }
  }
}
