internal import CGSSAPI

/// libkrb5's own cryptography (RFC 3961), to hold another implementation against. Slow, and as right as can be had.
@safe
public final class KerberosCryptosystem {
  private let context: krb5_context

  /// - Throws: when the library cannot read its configuration.
  public init() throws(GSSError) {
    KerberosEnvironment.libraryUsed()
    var context: krb5_context?
    let code = unsafe krb5_init_context(&context)
    guard code == 0, let context = unsafe context else {
      throw GSSError(code: .failure, operation: "krb5_init_context", minor: code, mechanism: .krb5)
    }
    unsafe self.context = context
  }

  deinit { unsafe krb5_free_context(context) }

  /// Enciphers with a random confounder; nil when the library fails.
  ///
  /// - Parameters:
  ///   - key: a protocol key of `type`.
  ///   - usage: the key usage.
  public func encrypt(_ plaintext: [UInt8], key: [UInt8], type: Int32, usage: Int32) -> [UInt8]? {
    var length = 0
    guard unsafe krb5_c_encrypt_length(context, type, plaintext.count, &length) == 0 else { return nil }
    return unsafe withKey(key, type) { keyBlock in
      unsafe withInput(plaintext) { input in
        unsafe output(length) { output in
          var sealed = unsafe krb5_enc_data()
          unsafe sealed.ciphertext = output
          let code = unsafe krb5_c_encrypt(context, &keyBlock, usage, nil, &input, &sealed)
          return unsafe code == 0 ? Int(sealed.ciphertext.length) : nil
        }
      }
    }
  }

  /// Deciphers; nil when the library refuses.
  public func decrypt(_ ciphertext: [UInt8], key: [UInt8], type: Int32, usage: Int32) -> [UInt8]? {
    unsafe withKey(key, type) { keyBlock in
      unsafe withInput(ciphertext) { input in
        var sealed = unsafe krb5_enc_data()
        unsafe sealed.enctype = type
        unsafe sealed.ciphertext = input
        return unsafe output(ciphertext.count) { output in
          let code = unsafe krb5_c_decrypt(context, &keyBlock, usage, nil, &sealed, &output)
          return unsafe code == 0 ? Int(output.length) : nil
        }
      }
    }
  }

  /// The keyed checksum that goes with an encryption type; nil when the library fails.
  public func checksum(of octets: [UInt8], key: [UInt8], type: Int32, usage: Int32) -> [UInt8]? {
    unsafe withKey(key, type) { keyBlock in
      unsafe withInput(octets) { input in
        var checksum = unsafe krb5_checksum()
        // Zero: the type that goes with the key.
        guard unsafe krb5_c_make_checksum(context, 0, &keyBlock, usage, &input, &checksum) == 0 else { return nil }
        defer { unsafe krb5_free_checksum_contents(context, &checksum) }
        return unsafe [UInt8](UnsafeBufferPointer(start: checksum.contents, count: Int(checksum.length)))
      }
    }
  }

  private func withKey<Result>(_ key: [UInt8], _ type: Int32, _ body: (inout krb5_keyblock) -> Result) -> Result {
    var octets = key
    return unsafe octets.withUnsafeMutableBufferPointer { memory in
      var block = unsafe krb5_keyblock()
      unsafe block.enctype = type
      unsafe block.length = UInt32(clamping: memory.count)
      unsafe block.contents = memory.baseAddress
      return unsafe body(&block)
    }
  }

  private func withInput<Result>(_ octets: [UInt8], _ body: (inout krb5_data) -> Result) -> Result {
    unsafe octets.withUnsafeBytes { memory in
      var data = unsafe krb5_data()
      unsafe data.length = UInt32(clamping: memory.count)
      unsafe data.data = UnsafeMutablePointer(mutating: memory.assumingMemoryBound(to: CChar.self).baseAddress)
      return unsafe body(&data)
    }
  }

  /// Octets that `body` writes; it says how many, at most `capacity`.
  private func output(_ capacity: Int, _ body: (inout krb5_data) -> Int?) -> [UInt8]? {
    var succeeded = false
    let octets = unsafe [UInt8](unsafeUninitializedCapacity: max(1, capacity)) { memory, count in
      unsafe memory.initialize(repeating: 0)
      unsafe memory.withMemoryRebound(to: CChar.self) { characters in
        var data = unsafe krb5_data()
        unsafe data.length = UInt32(clamping: capacity)
        unsafe data.data = characters.baseAddress
        guard let written = unsafe body(&data), written <= capacity else { return }
        count = written
        succeeded = true
      }
    }
    return succeeded ? octets : nil
  }
}
