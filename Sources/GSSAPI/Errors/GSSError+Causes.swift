/// Common causes, recognized by codes alone.
///
/// They know the minor statuses of Kerberos. Where SPNEGO was asked for, MIT's library answers with numbers of its own
/// making instead, and only what the major status says is recognized.
extension GSSError {
  /// There is no credential: no ticket cache, an empty one, or no usable key.
  public var isNoCredentials: Bool {
    code == .noCredential || code == .noTicket || isKerberos(.cacheFileMissing, .cacheEntryMissing)
  }

  /// A ticket or credential was there, but its time is over.
  public var isExpired: Bool {
    code == .credentialsExpired || code == .contextExpired || isKerberos(.ticketExpired)
  }

  /// The Kerberos database does not know the service.
  public var isUnknownServerPrincipal: Bool {
    isKerberos(.serverPrincipalUnknown)
  }

  /// The two clocks are further apart than Kerberos allows.
  public var isClockSkew: Bool {
    isKerberos(.clockSkew)
  }

  /// No key distribution centre of the realm could be found or answered.
  public var isKDCUnreachable: Bool {
    isKerberos(.kdcUnreachable, .realmUnknown, .realmCannotBeResolved)
  }

  /// The keytab is missing or empty, or has no key for the name.
  public var isKeytabMissing: Bool {
    isKerberos(.keytabEntryMissing, .keyMissing, .keyVersionMissing, .noSuchFile)
  }

  /// The peer's first token was seen before.
  public var isReplay: Bool {
    isKerberos(.requestRepeated)
  }

  /// The ticket that was about to be sent is for another server than the one required.
  public var isTicketForOtherServer: Bool { code == .ticketForOtherServer }

  /// The ticket cache cannot be reached or read.
  public var isCacheUnreadable: Bool { code == .cacheUnreadable }

  /// The library cannot read its own configuration, `krb5.conf` or a file that it includes.
  ///
  /// Where such a file may not be read the library gives the system's number alone; ask
  /// ``KerberosEnvironment/configurationProblem()`` when a call has failed with one.
  public var isConfigurationUnreadable: Bool {
    code == .configurationUnreadable || operation == "krb5_init_context" || Self.profileCodes.contains(minor)
      || isKerberos(.configurationMissing, .configurationMalformed)
  }

  /// The error number of the system (`errno`) that the mechanism passes on: a file or a socket of this machine's.
  public var systemErrorNumber: Int32? {
    (1...Self.lastSystemErrorNumber).contains(minor) ? minor : nil
  }

  /// The replay cache cannot be read or written, recognized by its own codes; the system's numbers come besides.
  public var isReplayCacheUnreadable: Bool {
    Self.replayCacheCodes.contains(minor) && minor != Self.replayCacheReplay
  }

  /// The caller broke a rule of this module; the library was not at fault.
  public var isMisuse: Bool {
    code == .misuse
  }

  /// libkrb5's codes for reading profiles start here (`PROF_VERSION`).
  private static let profileCodes: ClosedRange<Int32> = -1_429_577_728 ... -1_429_577_600
  /// `KRB5_RC_TYPE_EXISTS` to `KRB5_RC_IO_SPACE`, without `KRB5_RC_REPLAY`.
  private static let replayCacheCodes: ClosedRange<Int32> = -1_765_328_225 ... -1_765_328_212
  private static let replayCacheReplay: Int32 = -1_765_328_221
  /// Of Linux.
  private static let lastSystemErrorNumber: Int32 = 133

  /// There is no key for a principal, in the library's terms.
  static func noKey(of server: KerberosTicketServer) -> GSSError {
    GSSError(
      code: .failure, operation: "krb5_kt_get_entry", minor: KerberosCode.keytabEntryMissing.rawValue,
      mechanism: .krb5, minorMessages: ["No key table entry found for \(server)"])
  }

  private func isKerberos(_ codes: KerberosCode...) -> Bool {
    codes.contains { $0.rawValue == minor }
  }
}

/// Minor statuses of the Kerberos mechanism: the error numbers of RFC 4120 section 7.5.9 above the base -1765328384 of
/// MIT's and Heimdal's error tables, and further numbers of the same tables that never travel.
private enum KerberosCode: Int32 {
  /// `KDC_ERR_S_PRINCIPAL_UNKNOWN`, 7.
  case serverPrincipalUnknown = -1_765_328_377
  /// `KRB_AP_ERR_TKT_EXPIRED`, 32.
  case ticketExpired = -1_765_328_352
  /// `KRB_AP_ERR_REPEAT`, 34.
  case requestRepeated = -1_765_328_350
  /// `KRB_AP_ERR_SKEW`, 37.
  case clockSkew = -1_765_328_347
  /// `KRB_AP_ERR_BADKEYVER`, 44.
  case keyVersionMissing = -1_765_328_340
  /// `KRB_AP_ERR_NOKEY`, 45.
  case keyMissing = -1_765_328_339
  /// `KRB5_CONFIG_CANTOPEN`.
  case configurationMissing = -1_765_328_249
  /// `KRB5_CONFIG_BADFORMAT`.
  case configurationMalformed = -1_765_328_248
  case cacheEntryMissing = -1_765_328_243
  case realmUnknown = -1_765_328_230
  case kdcUnreachable = -1_765_328_228
  case keytabEntryMissing = -1_765_328_203
  case cacheFileMissing = -1_765_328_189
  case realmCannotBeResolved = -1_765_328_164
  /// `ENOENT` on Linux and the BSDs: what the library passes on for a keytab file that is not there.
  case noSuchFile = 2
}
