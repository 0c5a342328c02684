import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSNIO

/// A datagram of an association, in each direction.
enum Datagrams {
  private static let header = UDPRequestHeader(destination: SOCKSAddress(.v4(0xc000_0201), port: 53))
  private static let data = [UInt8](repeating: 0x2a, count: 512)

  static func open(_ times: Int) throws {
    let protection = try self.protection()
    var plaintext = ByteBuffer()
    self.header.encode(into: &plaintext)
    plaintext.writeBytes(self.data)
    let datagram = ByteBuffer(bytes: CopyingProtection.message(Array(plaintext.readableBytesView)))
    for _ in 0..<times {
      try protection.open(datagram, into: &plaintext)
      guard try UDPRequestHeader.decode(from: &plaintext) == self.header, plaintext.readableBytes == self.data.count
      else { throw PieceError("another datagram came out") }
    }
  }

  static func protect(_ times: Int) throws {
    let protection = try self.protection()
    let data = ByteBuffer(bytes: self.data)
    var datagram = ByteBuffer()
    for _ in 0..<times { try protection.protect(data, header: self.header, into: &datagram) }
    guard datagram.readableBytes == 4 + CopyingProtection.overhead + 10 + self.data.count else {
      throw PieceError("the datagram has another length")
    }
  }

  /// Of an association that has just begun.
  private static func protection() throws -> DatagramProtection {
    let protection = CopyingProtection()
    let handler = try EncapsulationHandler(
      protection: protection, agreed: .seen(by: protection), selective: .unlessEncrypted)
    let (channel, _) = try Wire.connected([handler], loop: EmbeddedEventLoop())
    defer { channel.close(promise: nil) }
    return try handler.beginDatagrams()
  }
}
