// swift-tools-version: 6.2

import PackageDescription

let settings: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// What the project promises about speed, measured. A package of its own, so that the main build stays small.
let package = Package(
  name: "benchmarks",
  platforms: [.macOS(.v26)],
  dependencies: [
    .package(name: "garter", path: ".."),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
  ],
  targets: [
    // Load on plain sockets, clocks of other processes, and the GSS library without anything of ours.
    .target(name: "CBenchmark", linkerSettings: [.linkedLibrary("gssapi_krb5"), .linkedLibrary("krb5")]),
    .executableTarget(
      name: "benchmarks",
      dependencies: [
        "CBenchmark",
        .product(name: "GSSAPI", package: "garter"),
        .product(name: "KerberosTokens", package: "garter"),
        .product(name: "SOCKSCore", package: "garter"),
        .product(name: "SOCKSNIO", package: "garter"),
        .product(name: "ThrowawayRealm", package: "garter"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)
