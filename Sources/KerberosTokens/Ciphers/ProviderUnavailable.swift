internal import CKerberosCiphers

/// Why a cipher library cannot be used here.
public enum ProviderUnavailable: Error, Hashable, Sendable, CustomStringConvertible {
  case notCompiledIn
  case notInstalled
  case otherVersion
  case lacksSymbol
  case noAES
  case notSafe
  case noMemory

  init(_ presence: ckc_presence) {
    self =
      switch presence {
      case CKC_NOT_COMPILED_IN: .notCompiledIn
      case CKC_NOT_INSTALLED: .notInstalled
      case CKC_OLDER_THAN_HEADER: .otherVersion
      case CKC_LACKS_SYMBOL: .lacksSymbol
      case CKC_NO_AESNI: .noAES
      case CKC_NOT_SAFE: .notSafe
      default: .noMemory
      }
  }

  public var description: String {
    switch self {
    case .notCompiledIn: "the multi-buffer library's header was not there when this was built"
    case .notInstalled: "the multi-buffer library is not installed (on Debian the package libipsec-mb1 or libipsec-mb2)"
    case .otherVersion: "the multi-buffer library is older than the one this was built with, or of another generation"
    case .lacksSymbol: "the multi-buffer library lacks a function"
    case .noAES: "the processor has no AES instructions"
    case .notSafe: "the multi-buffer library was built without clearing keys from registers and stack"
    case .noMemory: "there is no memory for a cipher provider"
    }
  }
}
