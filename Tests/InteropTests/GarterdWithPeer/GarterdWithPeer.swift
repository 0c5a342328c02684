import Testing

/// `garterd` with the independent client. One suite after another: they measure deadlines, and share two processors.
@Suite(.serialized) enum GarterdWithPeer {}
