import Subprocess
import Testing

extension ProgramTests {
  /// What `garterd` makes and opens tokens with on lesser machines than this one, and with libraries that it must not use.
  @Suite struct EngineTests {
    /// What `GARTER_ENGINE_WITHOUT` leaves aside, and what the start line must not speak of then.
    private static let lesserMachines: [(without: String, unspoken: [String])] = [
      ("", []),
      ("avx512", ["AVX-512"]),
      ("avx512,sha", ["AVX-512", "VAES", "SHA"]),
      ("avx512,sha,avx2", ["AVX-512", "AVX2", "VAES", "SHA"]),
      ("multi-buffer", ["AVX", "SSE", "VAES", "SHA"]),
    ]

    @Test(.timeLimit(.minutes(1)), arguments: Self.lesserMachines)
    func aLesserProcessor(without: String, unspoken: [String]) async throws {
      try await self.gateway(setting: "GARTER_ENGINE_WITHOUT=\(without)") { engine in
        let name = engine.prefix { $0 != "(" } + (engine.split(separator: "(").dropFirst().first ?? "")
        for word in unspoken { #expect(!name.contains(word), "\(engine)") }
        if without.contains("multi-buffer") {
          #expect(engine.hasPrefix("libcrypto ") && engine.hasSuffix("(the multi-buffer library is switched off)"))
        }
      }
    }

    @Test(.timeLimit(.minutes(1))) func aMaskThatIsNone() async throws {
      let error = await #expect(throws: GatewayError.self) {
        _ = try await Gateway.start(through: ["env", "GARTER_ENGINE_WITHOUT=avx1024"])
      }
      #expect(error?.account.contains("GARTER_ENGINE_WITHOUT takes") == true, "\(error?.account ?? "started")")
    }

    /// Libraries with the soname of the one that was there at build time. What is in them is never called but for the
    /// version.
    private static let strangeLibraries: [(source: String, reason: String)] = [
      ("unsigned imb_get_version(void) { return 0x010200; }", "lacks a function"),
      (Self.complete(version: "0x010200"), "is older than the one this was built with"),
      (Self.complete(version: "0x090000"), "of another generation"),
      ("", "lacks a function"),
    ]

    private static func complete(version: String) -> String {
      let functions = ["alloc_mb_mgr", "free_mb_mgr", "init_mb_mgr_auto", "init_mb_mgr_avx2", "init_mb_mgr_sse"]
      return "#include <stdlib.h>\nunsigned imb_get_version(void) { return \(version); }\n"
        + functions.map { "void *\($0)(void) { abort(); }\n" }.joined()
    }

    @Test(.timeLimit(.minutes(1)), arguments: Self.strangeLibraries)
    func aLibraryThatMustNotBeUsed(source: String, reason: String) async throws {
      #if arch(x86_64)
        try await Folder.lend { folder in
          try folder.write(source, to: "strange.c")
          let library = #"cc -shared -fPIC -Wl,-soname,"$2" -o "$1/$2" "$1/strange.c""#
          for generation in ["libIPSec_MB.so.1", "libIPSec_MB.so.2"] {
            try await Script(text: library, arguments: [folder.path, generation]).succeed()
          }
          try await self.gateway(setting: "LD_LIBRARY_PATH=\(folder.path)") { engine in
            #expect(engine.hasPrefix("libcrypto ") && engine.contains(reason), "\(engine)")
          }
        }
      #endif
    }

    /// Lends the engine in the start line of a gateway that is started so, which carries streams of the independent client
    /// unharmed at every level.
    private func gateway(setting: String, _ body: (String) throws -> Void) async throws {
      guard Programs.engine == nil else { return }
      try await Gateway.run(through: ["env", setting]) { gateway in
        let lines = await gateway.child.diagnostics.all
        let start = try #require(lines.map(LogLine.init).first { $0.message == "listening" })
        try body(try #require(start.metadata["engine"]))
        try await PeerClient.run { peer in
          for level in [1, 2, 3] {
            let result = try await peer.perform([
              "mode": "transfer", "server": .text(gateway.address), "level": .integer(level), "up": 3_000_000,
              "down": 3_000_000,
            ])
            #expect(GoodSession.isGood(result, level: level), "\(result)")
          }
        }
        let word = start.metadata["engine"]?.split(separator: " ").first.map(String.init)
        for record in try await gateway.sessions(3) { #expect(record.metadata["engine"] == word, "\(record)") }
      }
    }
  }
}
