import NIOCore
import SOCKSCore

/// What the gateway keeps in memory for sessions that do nothing.
struct MemoryFigures {
  var sessions: Int
  /// Octets.
  var before: Int64
  var with: Int64

  var perSession: Double { Double(self.with - self.before) / Double(self.sessions) / 1_024 }
}

extension Stage {
  /// Opens that many fresh level 2 sessions, each connected to the target and idle.
  func measureMemory(sessions: Int) async throws -> MemoryFigures {
    var channels: [any Channel] = []
    // What every first session brings with it: libraries, tables, threads.
    for _ in 0..<8 { channels.append(try await self.connect(level: .confidentiality)) }
    let before = self.gateway.resident
    for _ in 0..<sessions { channels.append(try await self.connect(level: .confidentiality)) }
    let figures = MemoryFigures(sessions: sessions, before: before, with: self.gateway.resident)
    for channel in channels { channel.close(promise: nil) }
    return figures
  }
}
