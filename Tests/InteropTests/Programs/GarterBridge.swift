import Subprocess

/// A `garter bridge` beside a test.
struct GarterBridge: Sendable {
  let child: Child
  /// Where it listens, as `127.0.0.1:PORT`.
  let address: String

  /// Starts one, lends it, and stops it however `body` ends. Expects that it ends with status 0 when told to.
  ///
  /// - Parameter gateway: `127.0.0.1:PORT`, which is turned into `localhost:PORT`.
  static func run<Result>(
    gateway: String, options: [String] = [], environment: [String: String?] = [:],
    _ body: (GarterBridge) async throws -> Result
  ) async throws -> Result {
    let bridge = try await self.start(gateway: gateway, options: options, environment: environment)
    do {
      let result = try await body(bridge)
      bridge.child.signal(.terminate)
      let status = try await bridge.child.ended(within: .seconds(30))
      guard status == .exited(0) else { throw PeerError(account: "\(status) \(await bridge.child.account)") }
      return result
    } catch {
      await bridge.child.abandon()
      throw error
    }
  }

  static func start(
    gateway: String, options: [String] = [], environment: [String: String?] = [:]
  ) async throws -> GarterBridge {
    let interop = try await InteropRealm.ready()
    let place = "localhost:\(gateway.drop { $0 != ":" }.dropFirst())"
    let listen = options.contains("--listen") ? [] : ["--listen", "127.0.0.1:0"]
    let child = try await Child.start(
      [try Programs.garter(), "bridge", "--gateway", place] + listen + Programs.engineOptions + options,
      environment: interop.environment.merging(environment) { $1 })
    let mark = "garter: listening on "
    let line = try await child.diagnostics.first(within: .seconds(20)) { $0.hasPrefix(mark) }
    guard let address = line?.dropFirst(mark.count).prefix(while: { $0 != "," }) else {
      throw PeerError(account: await child.account)
    }
    return GarterBridge(child: child, address: String(address))
  }

  /// curl through the bridge, its output to standard output.
  func curl(_ url: String, _ options: [String] = [], seconds: Int = 60) async throws -> Script.Ending {
    let command = ["curl", "--silent", "--show-error", "--proxy", "socks5h://\(self.address)"]
    return try await Script(text: #"exec "$@""#, arguments: command + options + [url], seconds: seconds).run()
  }
}

/// `python3 -m http.server` for a folder.
enum WebServer {
  static func run<Result>(_ folder: Folder, _ body: (_ address: String) async throws -> Result) async throws -> Result {
    let child = try await Child.start(
      ["/usr/bin/python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", folder.path, "0"])
    do {
      // Serving HTTP on 127.0.0.1 port N (http://127.0.0.1:N/) ...
      let line = try await child.output.first(within: .seconds(20)) { $0.hasPrefix("Serving HTTP on ") }
      guard let address = line?.split(separator: "/").dropFirst().first else {
        throw PeerError(account: await child.account)
      }
      let result = try await body(String(address))
      await child.abandon()
      return result
    } catch {
      await child.abandon()
      throw error
    }
  }
}
