import Platform
import Testing

extension ProgramTests {
  /// Names through `garterd`, on a host whose resolver appends domains wherever it can, with its own DNS server and hosts file
  /// (in namespaces of its own; needs root).
  @Suite struct NameResolutionTests {
    private struct Answer: Equatable, CustomStringConvertible {
      let code: Int
      /// Without repetitions, in the order of the first.
      let queries: [String]
      /// Of the session's record.
      let record: LogLine

      static func == (a: Self, b: Self) -> Bool { a.code == b.code && a.queries == b.queries }
      var description: String { "\(self.code) \(self.queries) \(self.record.metadata)" }
    }

    private static let rules = [
      #"{deny: [connect], to: ["*.search.test", "*.secret.example"]}"#,
      #"{allow: [connect], principals: [unauthenticated], to: [127.0.0.0/8, "::1"]}"#,
    ]

    /// What becomes of each name, in order.
    private static func ask(_ names: [String], search: [String] = []) async throws -> [Answer] {
      guard currentUserID() == 0 else { throw NotRootError() }
      let keytab = try await InteropRealm.ready().keytab
      return try await Folder.lend { folder in
        let configuration = GatewayConfiguration(
          listen: ["127.0.0.1:1080"], listener: ["methods: [none]"], rules: Self.rules,
          sections: search.isEmpty ? [] : ["names: {search: [\(search.joined(separator: ", "))]}"])
        try folder.write(
          configuration.text(keytab: keytab, replayCache: folder.file("replay")), to: "garterd.yaml")
        try folder.write("127.0.0.1 localhost\n127.0.0.6 db host.intern.test\n", to: "hosts")
        try folder.write("nameserver 127.0.0.1\nsearch search.test\noptions ndots:5\n", to: "resolv.conf")
        try folder.write("hosts: files dns\npasswd: files\n", to: "nsswitch.conf")
        try folder.write("alias wiki.search.test\n", to: "aliases")
        let ended = try await Script(
          text: Self.script, arguments: [folder.path, try Programs.garterd(), Self.client] + names,
          environment: [
            "LOCALDOMAIN": "search.test", "RES_OPTIONS": "ndots:9", "HOSTALIASES": folder.file("aliases"),
          ]
        ).succeed()
        let records = ended.complaints.map { LogLine(String($0)) }.filter { $0.message == "session ended" }
        let lines = ended.text.split(separator: "\n")
        try #require(lines.count == names.count && records.count == names.count, "\(ended)")
        return zip(lines, records).map { line, record in
          let words = line.split(separator: " ").map(String.init)
          return Answer(code: Int(words.first ?? "") ?? -1, queries: Array(words.dropFirst()), record: record)
        }
      }
    }

    private static let script = """
      folder=$1 garterd=$2 client=$3
      shift 3
      export folder garterd client
      exec unshare --mount --net sh -c '
        set -eu
        for file in hosts resolv.conf nsswitch.conf; do mount --bind "$folder/$file" "/etc/$file"; done
        ip link set lo up
        : >"$folder/queries"
        dnsmasq --keep-in-foreground --no-resolv --no-hosts --listen-address=127.0.0.1 --bind-interfaces --user=root \\
          --pid-file= --log-queries --log-facility="$folder/queries" --address=/search.test/127.0.0.7 \\
          --address=/good.test/127.0.0.7 --address=/real.example/127.0.0.8 --address=/xn--bcher-kva.example/127.0.0.8 \\
          --address="/#/" &
        dnsmasq=$!
        "$garterd" run --config "$folder/garterd.yaml" 2>"$folder/log" &
        garterd=$!
        trap "kill $dnsmasq $garterd 2>/dev/null || true" EXIT
        for attempt in $(seq 200); do
          grep -q listening "$folder/log" && grep -q started "$folder/queries" && break
          sleep 0.05
        done
        /usr/bin/python3 -c "$client" "$folder/queries" "$@"
        kill "$garterd"
        wait "$garterd" || true
        cat "$folder/log" >&2
      ' sh "$@"
      """

    /// Prints for each name the reply code and what the server was asked since the one before.
    private static let client = """
      import re, socket, sys
      log = open(sys.argv[1])
      log.read()
      for name in sys.argv[2:]:
          field = name.encode()
          with socket.create_connection(("127.0.0.1", 1080)) as s:
              stream = s.makefile("rb")
              s.sendall(b"\\x05\\x01\\x00")
              stream.read(2)
              s.sendall(b"\\x05\\x01\\x00\\x03" + bytes([len(field)]) + field + b"\\x00\\x09")
              code = stream.read(10)[1]
              stream.read()
          queries = re.findall(r"query\\[\\w+\\] (\\S+)", log.read())
          print(code, *dict.fromkeys(queries))
      """

    @Test(.timeLimit(.minutes(2))) func theNameThatIsJudgedIsTheNameThatIsResolved() async throws {
      let expected: [(name: String, code: Int, queries: [String])] = [
        ("real.example", 5, ["real.example"]), ("REAL.example.", 5, ["real.example"]),
        ("absent.example", 4, ["absent.example"]), ("absent.example.", 4, ["absent.example"]),
        ("wiki", 4, []), ("alias", 4, []), ("wiki.", 4, ["wiki"]), ("wiki.search.test", 2, []),
        ("wiki.search.test.", 2, []), ("x.secret.example", 2, []), ("db", 5, []), ("DB", 5, []),
        ("host.intern.test", 5, []), ("host.intern.test.", 5, []), ("localhost", 5, []), ("localhost.", 5, []),
        ("bücher.example", 5, ["xn--bcher-kva.example"]), ("bücher。secret.example", 2, []), ("127.1", 4, ["127.1"]),
        ("[127.0.0.8]", 5, []), ("１２７.０.０.８", 5, []), ("a..b", 4, []), ("☃.example", 4, []),
      ]
      let answers = try await Self.ask(expected.map(\.name))
      for (answer, expected) in zip(answers, expected) {
        #expect(answer.code == expected.code && answer.queries == expected.queries, "\(expected.name): \(answer)")
      }
      #expect(answers[1].record.metadata["target"] == "REAL.example.:9")
      #expect(answers[4].record.metadata["detail"]?.contains("names.search") == true)
      #expect(answers[16].record.metadata["resolved_name"] == "xn--bcher-kva.example")
      #expect(answers[21].record.reason == "malformed-name" && answers[22].record.reason == "malformed-name")
    }

    @Test(.timeLimit(.minutes(2))) func aLabelIsCompletedByTheGatewaysOwnDomains() async throws {
      let answers = try await Self.ask(["wiki", "db", "real", "wiki.real"], search: ["real.example", "good.test"])
      #expect(answers.map(\.code) == [5, 5, 5, 4], "\(answers)")
      #expect(
        answers.map(\.queries) == [["wiki.real.example"], [], ["real.real.example"], ["wiki.real"]], "\(answers)")
      #expect(answers[0].record.metadata["target"] == "wiki:9")
      #expect(answers[0].record.metadata["resolved_name"] == "wiki.real.example")
      // A domain in which the rules refuse the name ends the search.
      let refused = try await Self.ask(["wiki", "db"], search: ["absent.example", "search.test", "good.test"])
      #expect(refused.map(\.code) == [2, 5], "\(refused)")
      #expect(refused[0].queries == ["wiki.absent.example"], "\(refused)")
    }
  }
}
