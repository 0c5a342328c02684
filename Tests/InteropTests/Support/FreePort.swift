import Testing

/// A port for a server that cannot be told to take a free one and say which.
enum FreePort {
  /// Free on loopback for TCP and UDP, and below those that the system gives to the sockets of other tests.
  static func find() async throws -> Int {
    let program = """
      import random, socket
      while True:
          port = random.randrange(20000, 30000)
          try:
              for family, host in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
                  for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
                      with socket.socket(family, kind) as free:
                          free.bind((host, port))
          except OSError:
              continue
          print(port)
          break
      """
    let ending = try await Script(text: #"exec /usr/bin/python3 -c "$1""#, arguments: [program]).succeed()
    return try #require(Int(ending.text.filter(\.isNumber)))
  }
}
