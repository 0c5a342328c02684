import Glibc
import Testing

@testable import Platform

@Suite struct LocalAddressTests {
  private static let loopback6: [UInt8] = [UInt8](repeating: 0, count: 15) + [1]

  @Test func theLoopbackIsOurs() throws {
    for octets in [[127, 0, 0, 1], [127, 0, 0, 2], [127, 255, 255, 254]] as [[UInt8]] {
      #expect(try LocalAddress.isOwn(octets))
    }
  }

  /// Networks for documentation (RFC 5737, RFC 3849) and what is nobody's.
  @Test func othersAreNot() throws {
    for octets in [[192, 0, 2, 1], [203, 0, 113, 9], [8, 8, 8, 8]] as [[UInt8]] {
      #expect(try !LocalAddress.isOwn(octets))
    }
    #expect(try !LocalAddress.isOwn([0x20, 0x01, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [1]))
    #expect(try !LocalAddress.isOwn([1, 2, 3]))
  }

  @Test func towardsTheLoopbackIsTheLoopback() throws {
    #expect(try LocalAddress.towards([127, 0, 0, 1]) == [127, 0, 0, 1])
    #expect(try LocalAddress.towards([127, 9, 9, 9]) == [127, 0, 0, 1])
    // Where the machine has IPv6 at all.
    if try LocalAddress.isOwn(Self.loopback6) {
      #expect(try LocalAddress.towards(Self.loopback6) == Self.loopback6)
    }
  }

  @Test func whereNoRouteLeadsIsTold() {
    // Broadcast needs a permission that nobody has asked for.
    #expect(throws: SystemError(code: EACCES)) { try LocalAddress.towards([255, 255, 255, 255]) }
  }

  @Test func nothingIsLeftOpen() throws {
    let before = try FileContents.descriptors()
    for _ in 0..<100 {
      _ = try LocalAddress.isOwn([192, 0, 2, 1])
      _ = try LocalAddress.towards([127, 0, 0, 1])
      _ = try? LocalAddress.towards([255, 255, 255, 255])
    }
    #expect(try FileContents.descriptors() <= before + 10)
  }
}

extension FileContents {
  /// How many descriptors this process has, the other tests' too.
  fileprivate static func descriptors() throws -> Int {
    guard let folder = unsafe opendir("/proc/self/fd") else { throw SystemError.last }
    defer { unsafe closedir(folder) }
    var count = 0
    while unsafe readdir(folder) != nil { count += 1 }
    return count
  }
}
