internal import CGSSAPI

/// A buffer that the library allocated, released exactly once.
@safe
struct LibraryBuffer: ~Copyable {
  var descriptor = unsafe gss_buffer_desc()

  deinit {
    var descriptor = unsafe self.descriptor
    var minor: OM_uint32 = 0
    _ = unsafe gss_release_buffer(&minor, &descriptor)
  }

  /// How many octets the library put here.
  var count: Int {
    unsafe descriptor.octets.count
  }

  func octets() -> [UInt8] {
    unsafe [UInt8](descriptor.octets)
  }

  /// Copies the octets to the end of `output`; false when they do not fit.
  func append(to output: inout OutputRawSpan) -> Bool {
    guard count <= output.freeCapacity else { return false }
    unsafe output.withUnsafeMutableBytes { memory, initialized in
      let free = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[initialized...])
      unsafe free.copyMemory(from: descriptor.octets)
      initialized += count
    }
    return true
  }

  /// The octets as text. The library promises no encoding: whatever is not UTF-8 becomes U+FFFD.
  func text() -> String {
    unsafe String(decoding: descriptor.octets, as: UTF8.self)
  }
}

extension gss_buffer_desc {
  /// The octets that a library's buffer points to; none when its pointer is null or its length no possible one.
  var octets: UnsafeRawBufferPointer {
    guard let value = unsafe value, let count = unsafe Int(exactly: length) else {
      return unsafe .init(start: nil, count: 0)
    }
    return unsafe UnsafeRawBufferPointer(start: value, count: count)
  }

  /// A descriptor of the caller's octets, which must outlive it. The library takes input through mutable pointers.
  init(lending bytes: UnsafeRawBufferPointer) {
    unsafe self.init(length: bytes.count, value: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
  }
}

extension gss_OID_desc {
  func copiedOctets() -> [UInt8]? {
    guard let elements = unsafe elements, let count = unsafe Int(exactly: length) else { return nil }
    guard count <= ObjectIdentifierText.maximumOctets else { return nil }
    return unsafe [UInt8](UnsafeRawBufferPointer(start: elements, count: count))
  }
}
