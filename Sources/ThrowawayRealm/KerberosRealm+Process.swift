extension KerberosRealm {
  private static let processRealm = ProcessRealm()

  /// The one realm of this process, made on first use with the default configuration.
  ///
  /// Kerberos takes its configuration file from the process's environment, so a process can live in one realm only:
  /// tests of several modules that run in one process share this one. It goes when the process ends.
  public static func ofThisProcess() async throws -> KerberosRealm {
    try await processRealm.realm()
  }
}

private actor ProcessRealm {
  private var making: Task<KerberosRealm, any Error>?

  func realm() async throws -> KerberosRealm {
    let task = making ?? Task { try await KerberosRealm.start() }
    making = task
    return try await task.value
  }
}
