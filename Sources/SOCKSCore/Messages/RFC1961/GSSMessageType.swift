/// The message type octet, `mtyp` (RFC 1961 sections 3.4, 3.8, 4.3 and 5).
///
/// A type of its own: a server in the field compares this octet with protection levels, and lets a wrong message pass.
public enum GSSMessageType: UInt8, Hashable, Sendable {
  /// 0x01: context establishment
  case authentication = 0x01
  /// 0x02: protection-level negotiation
  case protectionLevel = 0x02
  /// 0x03: encapsulated user data
  case encapsulation = 0x03
  /// 0xff: abort; has neither length nor token
  case abort = 0xff
}
