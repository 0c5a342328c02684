extension Configuration {
  /// The realms that the rules name, each as often as it occurs; patterns for several realms are left out.
  public var realmsInRules: [[UInt8]] {
    self.rules.flatMap { $0.identities ?? [] }.compactMap { identity in
      if case .principal(let pattern) = identity { pattern.literalRealm } else { nil }
    }
  }
}
