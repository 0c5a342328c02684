import Testing

/// `garter` and `garterd` in a domain of Active Directory, as Samba makes one. One domain, so one test after the other.
@Suite(.serialized) enum ActiveDirectoryTests {}
