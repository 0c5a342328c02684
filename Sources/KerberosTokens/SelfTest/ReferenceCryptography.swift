/// Another implementation of RFC 3961's functions, to hold this one against: libkrb5's. Nil is a refusal, or a failure.
///
/// Types and usages are the assigned numbers.
public struct ReferenceCryptography {
  public var encrypt: (_ plaintext: [UInt8], _ key: [UInt8], _ type: Int32, _ usage: Int32) -> [UInt8]?
  public var decrypt: (_ ciphertext: [UInt8], _ key: [UInt8], _ type: Int32, _ usage: Int32) -> [UInt8]?
  public var checksum: (_ octets: [UInt8], _ key: [UInt8], _ type: Int32, _ usage: Int32) -> [UInt8]?

  public init(
    encrypt: @escaping (_ plaintext: [UInt8], _ key: [UInt8], _ type: Int32, _ usage: Int32) -> [UInt8]?,
    decrypt: @escaping (_ ciphertext: [UInt8], _ key: [UInt8], _ type: Int32, _ usage: Int32) -> [UInt8]?,
    checksum: @escaping (_ octets: [UInt8], _ key: [UInt8], _ type: Int32, _ usage: Int32) -> [UInt8]?
  ) {
    self.encrypt = encrypt
    self.decrypt = decrypt
    self.checksum = checksum
  }
}
