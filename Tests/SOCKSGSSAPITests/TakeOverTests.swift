import GSSAPI
import KerberosTokens
import NIOCore
import SOCKSCore
import Testing

@testable import SOCKSGSSAPI
@testable import SOCKSNIO

@Suite struct TakeOverTests {
  /// What has crossed one way.
  struct Crossing: Sendable {
    var engine: String
    var opened: [Frames.Opened]
    var levelNumber: UInt64?
  }

  static let sizes = [0, 1, 15, 16, 17, 4_095, 4_096, 4_097, 65_475, 65_536, 262_144, 1_000_000]

  @Test(arguments: TokenEngine.Choice.allCases, TokenEngine.Choice.allCases)
  func everyEngineUnderstandsEveryOther(initiator: TokenEngine.Choice, acceptor: TokenEngine.Choice) async throws {
    let fixture = try await RealmFixture.ready()
    let engines = RealmFixture.Engines(initiator: TokenEngine(initiator), acceptor: TokenEngine(acceptor))
    let crossings = try await fixture.established(by: engines) { pair in
      guard let up = Frames.level(from: pair.initiator, to: pair.acceptor, 2),
        let down = Frames.level(from: pair.acceptor, to: pair.initiator, 2)
      else { return [Crossing]() }
      return [
        try Self.cross(from: pair.initiator, to: pair.acceptor, after: up),
        try Self.cross(from: pair.acceptor, to: pair.initiator, after: down),
      ]
    }
    #expect(crossings.map(\.engine) == [engines.initiator.word, engines.acceptor.word])
    for crossing in crossings {
      var next = try #require(crossing.levelNumber) + 1
      for (index, opened) in crossing.opened.enumerated() {
        #expect(opened.error == nil)
        #expect(opened.plaintext == Self.pattern(Self.sizes[index / 2]))
        for outcome in opened.outcomes {
          #expect(outcome.isConfidential == (index % 2 == 1) && outcome.status.isEmpty)
          #expect(outcome.sequenceNumber == next)
          next += 1
        }
      }
    }
    for (choice, engine) in [(initiator, engines.initiator), (acceptor, engines.acceptor)] {
      #expect((engine.word == "system") == (choice == .system))
      #expect(engine.counts == .init(takenOver: choice == .system ? 0 : 1, stayed: 0))
    }
  }

  private static func cross(
    from: any PerMessageProtection, to: any PerMessageProtection, after level: UnwrapResult
  ) throws -> Crossing {
    var crossing = Crossing(engine: from.engine, opened: [])
    if case .unwrapped(_, let outcome) = level { crossing.levelNumber = outcome.sequenceNumber }
    for size in Self.sizes {
      for sealed in [false, true] {
        crossing.opened.append(Frames.open(try Frames.wrap(Self.pattern(size), sealed: sealed, with: from), with: to))
      }
    }
    return crossing
  }

  private static func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { (index: Int) -> UInt8 in UInt8((index + index / 251) & 0xff) }
  }

  @Test(arguments: [false, true])
  func alteredTokensEndABatch(sealed: Bool) async throws {
    let results = try await RealmFixture.ready().established { pair in
      _ = Frames.level(from: pair.initiator, to: pair.acceptor, 2)
      _ = Frames.level(from: pair.acceptor, to: pair.initiator, 2)
      var frames = ByteBuffer()
      for number in 0..<5 {
        var frame = try Frames.wrap([UInt8(number), 0x55], sealed: sealed, with: pair.initiator)
        if number == 3, let last = frame.getInteger(at: frame.writerIndex - 1, as: UInt8.self) {
          frame.setInteger(last ^ 0x01, at: frame.writerIndex - 1)
        }
        frames.writeBuffer(&frame)
      }
      return [Frames.open(frames, with: pair.acceptor)]
    }
    let opened = try #require(results.first)
    #expect(opened.error?.code == .protectionFailed && opened.plaintext == [0, 0x55, 1, 0x55, 2, 0x55])
    #expect(opened.outcomes.map(\.plaintextLength) == [2, 2, 2])
  }

  @Test func datagramsAreOneTokenEach() async throws {
    let results = try await RealmFixture.ready().established { pair in
      _ = Frames.level(from: pair.initiator, to: pair.acceptor, 2)
      _ = Frames.level(from: pair.acceptor, to: pair.initiator, 2)
      var opened: [Frames.Opened] = []
      for size in [0, 1, 1_400, 65_475] {
        var frames = EncapsulatedFrames(capacity: 0, allocator: ByteBufferAllocator())
        try pair.initiator.wrapDatagram(ByteBuffer(bytes: Self.pattern(size)), sealed: true, into: &frames)
        opened.append(Frames.open(frames.buffer, with: pair.acceptor))
      }
      var frames = EncapsulatedFrames(capacity: 0, allocator: ByteBufferAllocator())
      #expect(throws: SOCKSError.self) {
        try pair.initiator.wrapDatagram(ByteBuffer(bytes: Self.pattern(65_476)), sealed: true, into: &frames)
      }
      return opened
    }
    #expect(results.map(\.plaintext.count) == [0, 1, 1_400, 65_475])
    #expect(results.allSatisfy { $0.error == nil && $0.outcomes.count == 1 })
  }

  // MARK: The proof

  enum Falsification: CaseIterable {
    case nothing
    case sentToken, sentOctets, receivedToken, receivedOctets, receivedNumber, earlierMessage
  }

  /// The session stays with the library when anything about the level messages differs.
  @Test(arguments: Falsification.allCases)
  func theEngineHasToProveItself(falsification: Falsification) async throws {
    let hasTakenOver = try await RealmFixture.ready().established(by: .library) { pair -> Bool? in
      guard let library = pair.acceptor as? SystemProtection,
        let provider = try? ProviderRecipe.portable.makeProvider(),
        case .wrapped(let theirs) = pair.initiator.wrapProtectionLevel(2),
        case .unwrapped = library.unwrapProtectionLevel(theirs),
        case .wrapped(let ours) = library.wrapProtectionLevel(1)
      else { return nil }
      var sent = TakeOver.LevelMessage(octets: [1], token: Array(ours.readableBytesView))
      var received = TakeOver.LevelMessage(octets: [2], token: Array(theirs.readableBytesView))
      switch falsification {
      case .nothing: break
      case .sentToken: sent.token[sent.token.count - 1] ^= 0x01
      case .sentOctets: sent.octets = [2]
      case .receivedToken: received.token[received.token.count - 1] ^= 0x01
      case .receivedOctets: received.octets = [3]
      case .receivedNumber: received.token[15] ^= 0x01
      case .earlierMessage: _ = try Frames.wrap([0x00], sealed: true, with: library)
      }
      do throws(TakeOver.Obstacle) {
        _ = try library.takeOver(sent: sent, received: received, provider: provider)
        return true
      } catch {
        return false
      }
    }
    #expect(hasTakenOver == (falsification == .nothing))
  }
}
