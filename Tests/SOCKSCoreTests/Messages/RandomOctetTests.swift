import NIOCore
import SOCKSCore
import SOCKSTestSupport
import Testing

/// Octets without meaning: no decoder traps, and what one accepts is exactly what its encoder writes.
@Suite struct RandomOctetTests {
  static let buffersPerKind = 30_000

  @Test(arguments: WireMessage.Kind.allCases)
  func decodersStandRandomOctets(kind: WireMessage.Kind) {
    var generator = SeededGenerator(seed: 0x1961)
    var accepted = 0
    for round in 0..<Self.buffersPerKind {
      let octets = Self.octets(&generator, for: kind)
      var buffer = ByteBuffer(bytes: octets)
      do throws(SOCKSError) {
        guard let message = try kind.decode(from: &buffer) else {
          if buffer.readableBytes != octets.count { Issue.record("round \(round): octets were lost") }
          continue
        }
        accepted += 1
        var expected = Array(octets.dropLast(buffer.readableBytes))
        // The one octet that is not looked at.
        if kind == .reply { expected[2] = 0x00 }
        // A refusal is one whatever its address is.
        if kind == .reply, octets[1] != 0x00, !Self.hasAddress(octets) {
          expected = [0x05, octets[1], 0x00, 0x01, 0, 0, 0, 0, 0, 0]
        }
        if try message.encode() != expected { Issue.record("round \(round): \(hex(octets)) changed its meaning") }
      } catch {
        if buffer.readableBytes != octets.count { Issue.record("round \(round): an error consumed octets") }
      }
    }
    #expect(accepted > 100)
  }

  @Test func datagramsStandRandomOctets() {
    var generator = SeededGenerator(seed: 0x1928)
    var accepted = 0
    for round in 0..<Self.buffersPerKind {
      var octets = Self.octets(&generator, for: .request)
      if !octets.isEmpty, Bool.random(using: &generator) { octets[0] = 0 }
      if octets.count > 1, Bool.random(using: &generator) { octets[1] = 0 }
      var buffer = ByteBuffer(bytes: octets)
      guard let header = try? UDPRequestHeader.decode(from: &buffer) else {
        if buffer.readableBytes != octets.count { Issue.record("round \(round): an error consumed octets") }
        continue
      }
      accepted += 1
      var written = ByteBuffer()
      header.encode(into: &written)
      if written.octets != Array(octets.dropLast(buffer.readableBytes)) { Issue.record("round \(round)") }
    }
    #expect(accepted > 100)
  }

  /// Whether the address of a reply can be read, as far as these octets go.
  private static func hasAddress(_ octets: [UInt8]) -> Bool {
    switch octets[3] {
    case 0x01, 0x04: true
    case 0x03:
      octets.count >= 5 + Int(octets[4])
        && {
          switch SOCKSHost(nameField: octets[5..<5 + Int(octets[4])]) {
          case .address, .name: true
          case .unconverted, .malformed: false
          }
        }()
    default: false
    }
  }

  /// Up to 40 octets, most often with first octets that lead on into the decoder.
  private static func octets(_ generator: inout SeededGenerator, for kind: WireMessage.Kind) -> [UInt8] {
    var octets = generator.octets(count: Int.random(in: 0...40, using: &generator))
    guard Int.random(in: 0..<8, using: &generator) > 0 else { return octets }
    let version: UInt8
    switch kind {
    case .offer, .selection, .request, .reply: version = 0x05
    case .passwordRequest, .passwordResponse, .gss: version = 0x01
    }
    let start: [UInt8] = [
      version, UInt8.random(in: 0...4, using: &generator), 0x00, UInt8.random(in: 0...5, using: &generator),
    ]
    for (index, octet) in start.enumerated() where index < octets.count { octets[index] = octet }
    if octets.count > 4 { octets[4] = UInt8.random(in: 0...12, using: &generator) }
    return octets
  }
}
