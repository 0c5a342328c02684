import NIOCore
import NIOPosix
import SOCKSCore

@testable import SOCKSClient

/// A connector with contexts that need no Kerberos.
func makeConnector(
  to gateway: SOCKSAddress, level: ProtectionLevel = .confidentiality, failure: SOCKSError? = nil,
  timeout: TimeAmount = .minutes(5), acceptTimeout: TimeAmount = .minutes(5),
  firstToken: ByteBuffer = ByteBuffer(string: "question")
) -> ProxyConnector {
  var configuration = ProxyConnector.Configuration(gateway: gateway)
  configuration.level = level
  configuration.connectTimeout = .minutes(5)
  configuration.negotiationTimeout = timeout
  configuration.acceptTimeout = acceptTimeout
  return ProxyConnector(configuration, group: MultiThreadedEventLoopGroup.singleton) { eventLoop, command in
    PlainEstablishment(on: eventLoop, ordered: command != .udpAssociate, failure: failure, firstToken: firstToken)
  }
}

let anyTarget = SOCKSAddress(.v4(0xC000_0202), port: 80)
let anyRequest = SOCKSRequest(command: .connect, destination: anyTarget)

/// A port where nothing listens: one that was just given back.
func closedPort() async throws -> SOCKSAddress {
  let gateway = try await TestGateway(.silence)
  let address = gateway.address
  try await gateway.stop()
  return address
}

/// Sends, ends the stream if asked to, and reads to the end of the other one.
func exchange(
  _ input: NIOAsyncChannelInboundStream<ByteBuffer>, _ output: NIOAsyncChannelOutboundWriter<ByteBuffer>,
  sending octets: [UInt8], endAfter expected: Int? = nil
) async throws -> [UInt8] {
  try await output.write(ByteBuffer(bytes: octets))
  if expected == nil { output.finish() }
  var received: [UInt8] = []
  for try await chunk in input {
    received += chunk.readableBytesView
    if let expected, received.count >= expected { output.finish() }
  }
  return received
}
