import Platform

extension Identity? {
  /// A session's line may take the places that are kept for those who have authenticated.
  var logPriority: LogPriority {
    switch self {
    case .principal, .user: .reserved
    case .anonymous, .unauthenticated, nil: .ordinary
    }
  }
}
