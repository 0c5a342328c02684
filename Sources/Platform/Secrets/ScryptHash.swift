internal import CLibCrypt
internal import Glibc

/// The hash of a password in crypt(3)'s scrypt format, `$7$` and so on, made and checked by the system's libcrypt.
///
/// A format that `mkpasswd -m scrypt` writes too, and a library that every Debian system has loaded already, instead of a
/// package of ciphers and a format of our own. libcrypt reports a cost that it cannot pay as a failure, so what a file may
/// ask for is bounded here, before it is called.
public struct ScryptHash: Hashable, Sendable {
  /// What one check costs.
  public let cost: ScryptCost
  /// The whole of it, as a file holds it: not to be shown.
  public let text: String

  /// Reads a hash.
  ///
  /// - Throws: for another format, and for a cost that is not within ``ScryptCost/isAcceptable``.
  public init(parsing text: String) throws(ScryptHashError) {
    let octets = Array(text.utf8)
    guard octets.count <= Self.maximumOctets, octets.starts(with: Self.prefix),
      let cost = ScryptCost(setting: octets.dropFirst(Self.prefix.count))
    else { throw ScryptHashError.otherFormat }
    let parts = octets.dropFirst(Self.prefix.count + ScryptCost.encodedLength).split(
      separator: UInt8(ascii: "$"), omittingEmptySubsequences: false)
    guard parts.count == 2, let salt = parts.first, let digest = parts.last, !salt.isEmpty,
      digest.count == Self.digestLength, (salt + digest).allSatisfy(ScryptCost.alphabet.contains)
    else { throw ScryptHashError.otherFormat }
    guard cost.isAcceptable else { throw ScryptHashError.unacceptableCost }
    self.cost = cost
    self.text = text
  }

  /// Hashes a password, with a new salt. Takes as long as a check does.
  ///
  /// - Parameter password: see ``isUsable(_:)``.
  public init(of password: [UInt8], cost: ScryptCost = .standard) throws(ScryptHashError) {
    guard Self.isUsable(password) else { throw ScryptHashError.unusablePassword }
    guard cost.isAcceptable else { throw ScryptHashError.unacceptableCost }
    var random = SystemRandomNumberGenerator()
    let salt = (0..<Self.saltLength).map { _ in ScryptCost.alphabet.randomElement(using: &random) ?? 0 }
    let setting = String(decoding: Self.prefix + cost.encoded + salt + [UInt8(ascii: "$")], as: UTF8.self)
    guard let octets = Self.crypt(password, setting: setting) else { throw ScryptHashError.libraryFailed }
    try self.init(parsing: String(decoding: octets, as: UTF8.self))
  }

  /// Whether a password is the one that was hashed; nil when the library failed, for want of memory.
  ///
  /// The work is the same whatever the password, also for one that cannot have been hashed. To be called off event loops.
  public func matches(_ password: [UInt8]) -> Bool? {
    let isUsable = Self.isUsable(password)
    guard let octets = Self.crypt(isUsable ? password : [0x78], setting: self.text) else { return nil }
    return Self.areEqual(octets, Array(self.text.utf8)) && isUsable
  }

  /// A password of 1 to 255 bytes without NUL: with one in it, crypt(3) would take only what precedes it.
  public static func isUsable(_ password: [UInt8]) -> Bool {
    (1...255).contains(password.count) && !password.contains(0)
  }

  /// Takes as long wherever the first difference is.
  private static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
  }

  private static let prefix = Array("$7$".utf8)
  private static let digestLength = 43
  /// 132 bits.
  private static let saltLength = 22
  private static let maximumOctets = 200
}

extension ScryptHash: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "scrypt hash (redacted)" }
  public var debugDescription: String { self.description }
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension ScryptHash {
  private static func crypt(_ password: [UInt8], setting: String) -> [UInt8]? {
    var phrase = password + [0]
    // Holds the passphrase and what is derived from it: wiped, as the phrase is, before the memory is given back.
    let size = MemoryLayout<crypt_data>.size
    let scratch = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: MemoryLayout<crypt_data>.alignment)
    unsafe scratch.initializeMemory(as: UInt8.self, repeating: 0, count: size)
    defer {
      unsafe explicit_bzero(scratch, size)
      unsafe scratch.deallocate()
      unsafe phrase.withUnsafeMutableBytes { phrase in
        if let start = phrase.baseAddress { unsafe explicit_bzero(start, phrase.count) }
      }
    }
    return unsafe phrase.withUnsafeBufferPointer { phrase -> [UInt8]? in
      let phrase = unsafe UnsafeRawPointer(phrase.baseAddress)?.assumingMemoryBound(to: CChar.self)
      guard let output = unsafe crypt_rn(phrase, setting, scratch, CInt(clamping: size)) else { return nil }
      return unsafe Array(UnsafeBufferPointer(start: output, count: strlen(output))).map { UInt8(bitPattern: $0) }
    }
  }
}

/// Why there is no hash.
public enum ScryptHashError: Error, Hashable, Sendable {
  case otherFormat
  case unacceptableCost
  case unusablePassword
  case libraryFailed
}
