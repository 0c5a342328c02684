/// Common causes, told by codes alone.
///
/// They know the minor statuses of Kerberos. Where SPNEGO was asked for, MIT's library answers with numbers of its own
/// making instead, and only what the major status says is recognised.
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
  public var isTicketForOtherServer: Bool {
    code == .ticketForOtherServer
  }

  /// The ticket cache cannot be reached or read.
  public var isCacheUnreadable: Bool {
    code == .cacheUnreadable
  }

  /// `krb5.conf`, or a file that it includes, cannot be read.
  public var isConfigurationUnreadable: Bool {
    code == .configurationUnreadable
  }

  /// The caller broke a rule of this module; the library was not at fault.
  public var isMisuse: Bool {
    code == .misuse
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
  case cacheEntryMissing = -1_765_328_243
  case realmUnknown = -1_765_328_230
  case kdcUnreachable = -1_765_328_228
  case keytabEntryMissing = -1_765_328_203
  case cacheFileMissing = -1_765_328_189
  case realmCannotBeResolved = -1_765_328_164
  /// `ENOENT` on Linux and the BSDs: what the library passes on for a keytab file that is not there.
  case noSuchFile = 2
}
