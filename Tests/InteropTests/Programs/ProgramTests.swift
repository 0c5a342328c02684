import Testing

/// Whole programs: `garter`, `garterd`, and others that know nothing of them. One after the other, for they measure times
/// and memory.
@Suite(.serialized) enum ProgramTests {}
