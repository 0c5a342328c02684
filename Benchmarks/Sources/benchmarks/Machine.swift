import CBenchmark
import Glibc

/// Where a run took place, in words.
struct Machine {
  /// A fact each.
  let lines: [String]
  /// Year, month, day.
  let date: String

  init() {
    self.date = Self.answer("date -u +%Y-%m-%d")
    let cores = Self.answer("nproc")
    let model = Self.answer("sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1")
    let features = Self.answer(
      "sed -n 's/^flags[^:]*: *//p' /proc/cpuinfo | head -n 1 | tr ' ' '\\n' "
        + "| grep -x -E 'aes|sha_ni|avx2|avx512f|vaes' | tr '\\n' ' '")
    let virtual = Self.answer("grep -q -w hypervisor /proc/cpuinfo && echo ', a virtual machine'")
    let system = Self.answer("sed -n 's/^PRETTY_NAME=\"\\(.*\\)\"/\\1/p' /etc/os-release")
    let load = Self.answer("cut -d ' ' -f 1 /proc/loadavg")
    // Where dpkg knows them; 2 and 3 and t64 are the names of different releases.
    let packages = Self.answer(
      "dpkg-query --show --showformat '${db:Status-Status} ${Package} ${Version}\\n' libgssapi-krb5-2 libssl3 "
        + "libssl3t64 libipsec-mb1 libipsec-mb2 haproxy microsocks 2>/dev/null | sed -n 's/^installed //p' "
        + "| tr '\\n' ',' | sed 's/,$//; s/,/, /g'")
    self.lines = [
      "Processor: \(cores) × \(model)\(virtual)\(features.isEmpty ? "" : "; has \(features)")",
      "System: \(system), Linux \(Self.answer("uname -r"))",
      "Libraries and programs: \(packages)",
      "Swift: \(Self.answer("swift --version 2>/dev/null | sed -n 's/.*Swift version \\([0-9.]*\\).*/\\1/p' | head -n 1"))",
      "Load average before the run: \(load)",
    ]
  }

  /// The first line that a shell command prints; empty when it fails.
  static func answer(_ command: String) -> String {
    var output = [CChar](repeating: 0, count: 4_096)
    bench_run(command, &output, output.count)
    let octets = output.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    let line = String(decoding: octets, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? ""
    return String(line.reversed().drop { $0 == " " }.reversed())
  }
}
