// swift-tools-version: 6.2

import PackageDescription

/// Every target of ours: warnings are errors, `any` is written out, imports are internal unless they say otherwise,
/// and each unsafe operation has to be marked, so that a search for `unsafe` finds all of them.
let settings: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .strictMemorySafety(),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let serviceLifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")

let package = Package(
  name: "garter",
  platforms: [.macOS(.v26)],
  products: [
    .library(name: "GSSAPI", targets: ["GSSAPI"]),
    .library(name: "KerberosTokens", targets: ["KerberosTokens"]),
    .library(name: "SOCKSCore", targets: ["SOCKSCore"]),
    .library(name: "SOCKSNIO", targets: ["SOCKSNIO"]),
    .library(name: "SOCKSGSSAPI", targets: ["SOCKSGSSAPI"]),
    .library(name: "ProxySession", targets: ["ProxySession"]),
    .library(name: "SOCKSServer", targets: ["SOCKSServer"]),
    .library(name: "SOCKSClient", targets: ["SOCKSClient"]),
    .library(name: "ThrowawayRealm", targets: ["ThrowawayRealm"]),
    .executable(name: "garterd", targets: ["garterd"]),
    .executable(name: "garter", targets: ["garter"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
  ],
  targets: [
    // Protocol: messages and machines, no I/O.
    .target(name: "SOCKSCore", dependencies: [nioCore], swiftSettings: settings),

    // The safe binding of the system's GSS-API library.
    .systemLibrary(name: "CGSSAPI"),
    .target(name: "GSSAPI", dependencies: ["CGSSAPI"], swiftSettings: settings),

    // Kerberos wrap tokens without the GSS-API library, on cipher libraries that work on batches.
    .target(name: "CKerberosCiphers", linkerSettings: [.linkedLibrary("crypto")]),
    .target(name: "KerberosTokens", dependencies: ["CKerberosCiphers"], swiftSettings: settings),

    // The system's other corners.
    .systemLibrary(name: "CLibYAML"),
    .systemLibrary(name: "CLibCrypt"),
    .systemLibrary(name: "CLibIDN2"),
    .systemLibrary(name: "CMalloc"),
    .target(
      name: "Platform", dependencies: ["CLibYAML", "CLibCrypt", "CLibIDN2", "CMalloc", logging],
      swiftSettings: settings),

    // Channel handlers, and the adapter that runs GSS contexts for them.
    .target(name: "SOCKSNIO", dependencies: ["SOCKSCore", nioCore], swiftSettings: settings),
    .target(
      name: "SOCKSGSSAPI", dependencies: ["SOCKSCore", "SOCKSNIO", "GSSAPI", "KerberosTokens", nioCore, nioPosix],
      swiftSettings: settings
    ),

    // What gateway and bridge have in common: how sessions are admitted, limited and ended.
    .target(
      name: "ProxySession",
      dependencies: ["SOCKSCore", "SOCKSNIO", "Platform", nioCore, nioPosix, logging, serviceLifecycle],
      swiftSettings: settings),

    // The gateway and the client side.
    .target(
      name: "SOCKSServer",
      dependencies: [
        "SOCKSCore", "SOCKSNIO", "SOCKSGSSAPI", "ProxySession", "Platform", nioCore, nioPosix, logging,
        serviceLifecycle,
      ],
      swiftSettings: settings),
    .target(
      name: "SOCKSClient",
      dependencies: [
        "SOCKSCore", "SOCKSNIO", "SOCKSGSSAPI", "ProxySession", "Platform", nioCore, nioPosix, logging,
        serviceLifecycle,
      ],
      swiftSettings: settings),

    // Programs.
    .executableTarget(
      name: "garterd",
      dependencies: [
        "SOCKSCore", "SOCKSNIO", "SOCKSGSSAPI", "GSSAPI", "ProxySession", "SOCKSServer", "SOCKSClient",
        "ThrowawayRealm",
        "Platform",
        nioCore, nioPosix, argumentParser, logging, serviceLifecycle, subprocess,
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "garter",
      dependencies: [
        "SOCKSClient", "SOCKSCore", "SOCKSGSSAPI", "GSSAPI", "ProxySession", "Platform", nioCore, nioPosix,
        argumentParser, logging,
      ],
      swiftSettings: settings),

    // What dev/check-instructions counts. Here and not in the package beside it, so that it is built with what the tests
    // have built already.
    .executableTarget(
      name: "pieces",
      dependencies: ["SOCKSCore", "SOCKSNIO", "SOCKSServer", nioCore, nioEmbedded],
      path: "Benchmarks/Pieces", swiftSettings: settings),

    // A private Kerberos realm, for the demo and the tests.
    .target(name: "ThrowawayRealm", dependencies: [subprocess], swiftSettings: settings),

    // Tests.
    .target(
      name: "SOCKSTestSupport", dependencies: ["SOCKSCore", "SOCKSNIO", nioCore], swiftSettings: settings),
    .testTarget(
      name: "SOCKSCoreTests", dependencies: ["SOCKSCore", "SOCKSTestSupport", nioCore], swiftSettings: settings),
    .testTarget(name: "GSSAPITests", dependencies: ["GSSAPI", "ThrowawayRealm"], swiftSettings: settings),
    .testTarget(
      name: "KerberosTokensTests", dependencies: ["KerberosTokens", "CKerberosCiphers", "GSSAPI", "ThrowawayRealm"],
      swiftSettings: settings),
    .testTarget(name: "PlatformTests", dependencies: ["Platform", logging], swiftSettings: settings),
    .testTarget(
      name: "SOCKSNIOTests",
      dependencies: ["SOCKSCore", "SOCKSNIO", "SOCKSTestSupport", nioCore, nioEmbedded], swiftSettings: settings),
    .testTarget(
      name: "SOCKSGSSAPITests",
      dependencies: [
        "SOCKSCore", "SOCKSNIO", "SOCKSGSSAPI", "GSSAPI", "ThrowawayRealm", nioCore, nioPosix, nioEmbedded,
      ],
      swiftSettings: settings),
    .testTarget(
      name: "ProxySessionTests",
      dependencies: [
        "SOCKSCore", "ProxySession", "SOCKSTestSupport", "Platform", nioCore, nioPosix, nioEmbedded, logging,
      ],
      swiftSettings: settings),
    .testTarget(
      name: "SOCKSServerTests",
      dependencies: [
        "SOCKSCore", "SOCKSNIO", "SOCKSGSSAPI", "ProxySession", "SOCKSServer", "SOCKSTestSupport", "Platform", nioCore,
        nioPosix,
        nioEmbedded, logging, serviceLifecycle,
      ],
      swiftSettings: settings),
    .testTarget(
      name: "SOCKSClientTests",
      dependencies: [
        "SOCKSCore", "SOCKSNIO", "SOCKSGSSAPI", "ProxySession", "SOCKSClient", "SOCKSTestSupport", "Platform", "garter",
        nioCore,
        nioPosix, nioEmbedded, logging, argumentParser,
      ],
      swiftSettings: settings),
    .testTarget(
      name: "InteropTests", dependencies: ["ThrowawayRealm", "Platform", subprocess, nioCore, nioPosix],
      exclude: ["Peers"],
      swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)
