#!/usr/bin/python3
"""Many connections at once, for measurements of memory. Prints {"ready": true}, then one JSON line for each job (a JSON
line on standard input):

{"open": N, "to": "HOST:PORT"}    N connections that stay silent
{"socks": N, "to": "HOST:PORT"}   N connections through a SOCKS5 server without authentication to a target in here
{"pull": OCTETS}                  every one of the latter receives so much from the target
{"close": true}                   closes all

The end of the input ends it."""

import json
import os
import resource
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

BLOCK = os.urandom(1 << 20)


class Target:
    """Sends as many octets as it is asked for: eight octets, big-endian."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            threading.Thread(target=self._serve, args=self._listener.accept()[:1], daemon=True).start()

    @staticmethod
    def _serve(sock: socket.socket) -> None:
        with sock:
            try:
                while len(asked := sock.recv(8, socket.MSG_WAITALL)) == 8:
                    left = int.from_bytes(asked, "big")
                    while left:
                        piece = BLOCK[: min(left, len(BLOCK))]
                        sock.sendall(piece)
                        left -= len(piece)
            except OSError:
                pass


def connect(to: str) -> socket.socket:
    host, _, port = to.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=60)


def through(to: str, port: int) -> socket.socket:
    sock = connect(to)
    sock.sendall(bytes([5, 1, 0]))
    if sock.recv(2, socket.MSG_WAITALL) != bytes([5, 0]):
        raise OSError("no method")
    sock.sendall(bytes([5, 1, 0, 1, 127, 0, 0, 1]) + port.to_bytes(2, "big"))
    reply = sock.recv(10, socket.MSG_WAITALL)
    if len(reply) != 10 or reply[1] != 0:
        raise OSError(f"reply {reply.hex()}")
    return sock


def pull(sock: socket.socket, octets: int) -> int:
    sock.sendall(octets.to_bytes(8, "big"))
    buffer, left = bytearray(1 << 18), octets
    while left:
        count = sock.recv_into(buffer, min(left, len(buffer)))
        if not count:
            raise OSError("ended early")
        left -= count
    return octets


def main() -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    threading.stack_size(128 * 1024)
    target, silent, sessions = Target(), [], []
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        answer = {"done": True}
        try:
            with ThreadPoolExecutor(8) as threads:
                if "open" in job:
                    silent += threads.map(lambda _: connect(job["to"]), range(job["open"]))
                elif "socks" in job:
                    sessions += threads.map(lambda _: through(job["to"], target.port), range(job["socks"]))
                elif "pull" in job:
                    answer["octets"] = sum(threads.map(lambda sock: pull(sock, job["pull"]), sessions))
                else:
                    for sock in silent + sessions:
                        sock.close()
                    silent, sessions = [], []
        except OSError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
