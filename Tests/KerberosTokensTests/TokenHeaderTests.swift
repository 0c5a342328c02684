import Testing

@testable import KerberosTokens
