import Platform

/// The hashes that names are checked against, those without a user included.
struct PasswordTable: Sendable {
  private let hashes: [UserName: ScryptHash]
  /// One for each cost that some user's hash has, as often as users have it.
  private let decoys: [ScryptHash]

  init(_ hashes: [UserName: ScryptHash]) throws(ScryptHashError) {
    self.hashes = hashes
    var made: [ScryptCost: ScryptHash] = [:]
    var decoys: [ScryptHash] = []
    for cost in hashes.values.map(\.cost) + (hashes.isEmpty ? [.standard] : []) {
      if made[cost] == nil { made[cost] = try ScryptHash(of: Self.decoyPassword, cost: cost) }
      if let decoy = made[cost] { decoys.append(decoy) }
    }
    self.decoys = decoys
  }

  func contains(_ name: UserName) -> Bool { self.hashes[name] != nil }

  /// What to check a name's password against: without such a user a hash that nobody's password has, as costly as a user's,
  /// and for a name always the same, so that time does not tell who is there.
  func hash(for name: UserName?) -> ScryptHash? {
    if let name, let hash = self.hashes[name] { return hash }
    guard !self.decoys.isEmpty else { return nil }
    // Swift's hashes have a secret of this process in them.
    var hasher = Hasher()
    hasher.combine(name)
    return self.decoys[Int(hasher.finalize().magnitude % UInt(self.decoys.count))]
  }

  /// It is known, and it opens nothing: names that lead to it have no user.
  private static let decoyPassword = Array("nobody".utf8)
}
