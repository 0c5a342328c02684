#!/usr/bin/python3
"""Many connections at once, for measurements of memory. Prints {"ready": true}, then one JSON line for each job (a JSON
line on standard input):

{"open": N, "to": "HOST:PORT"}    N connections that stay silent
{"socks": N, "to": "HOST:PORT"}   N connections through a SOCKS5 server without authentication to a target in here
{"associate": N, "to": "HOST:PORT", "datagrams": K, "octets": SIZE}
                                  N associations through such a server; each sends K datagrams to an echo in here, one after
                                  the other, and receives them
{"pull": OCTETS}                  every one of the latter receives so much from the target
{"begin": OCTETS}                 every one asks the target for so much, and receives the first thousand
{"finish": N}                     the first N of them receive the rest, compare it, and end; answers "equal", how many were right
{"strangers": N, "dripping": M, "addresses": A, "to": "HOST:PORT"}
                                  N connections that stay silent and M that send an octet a second of a method offer, from
                                  A addresses of 127.0.0.0/8
{"wait": SECONDS}                 waits until the server has ended all of those; answers "ended", and how many milliseconds
                                  after its connect the first and the last one ended
{"close": true}                   closes all

The end of the input ends it."""

import json
import os
import resource
import select
import socket
import sys
import threading
import time
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


class Echo:
    """Sends datagrams back."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            data, source = self._socket.recvfrom(1 << 16)
            self._socket.sendto(data, source)


class Strangers:
    """Connections that do not get on with their negotiation, until the server ends them."""

    OFFER = bytes([5, 255]) + bytes(255)

    def __init__(self, to: str, silent: int, dripping: int, addresses: int):
        host, _, port = to.rpartition(":")
        self._poll, self._open, self.lives, self._sent = select.epoll(), {}, [], 0
        for number in range(silent + dripping):
            place = number % addresses
            sock = socket.socket()
            sock.bind((f"127.1.{place // 250}.{place % 250 + 1}", 0))
            sock.connect((host, int(port)))
            sock.setblocking(False)
            self._open[sock.fileno()] = (sock, time.monotonic(), number >= silent)
            self._poll.register(sock, select.EPOLLIN | select.EPOLLRDHUP)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        next_drip = time.monotonic()
        while self._open:
            for number, _ in self._poll.poll(0.05):
                sock, since, _ = self._open.pop(number)
                self.lives.append(1000 * (time.monotonic() - since))
                self._poll.unregister(number)
                sock.close()
            if time.monotonic() >= next_drip:
                next_drip += 1
                for sock, _, drips in list(self._open.values()):
                    if drips and self._sent < len(self.OFFER):
                        try:
                            sock.send(self.OFFER[self._sent : self._sent + 1])
                        except OSError:
                            pass
                self._sent += 1

    def wait(self, seconds: float) -> dict:
        end = time.monotonic() + seconds
        while self._open and time.monotonic() < end:
            time.sleep(0.02)
        lives = sorted(self.lives)
        return {
            "open": len(self._open),
            "ended": len(lives),
            "first": int(lives[0]) if lives else 0,
            "last": int(lives[-1]) if lives else 0,
        }


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


def associate(to: str, port: int, count: int, octets: int) -> list:
    """The control connection and the socket of an association that has relayed so much, both ways."""
    control = connect(to)
    control.sendall(bytes([5, 1, 0]))
    if control.recv(2, socket.MSG_WAITALL) != bytes([5, 0]):
        raise OSError("no method")
    control.sendall(bytes([5, 3, 0, 1, 0, 0, 0, 0, 0, 0]))
    reply = control.recv(10, socket.MSG_WAITALL)
    if len(reply) != 10 or reply[1] != 0:
        raise OSError(f"reply {reply.hex()}")
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(2)
    relay = (socket.inet_ntoa(reply[4:8]), int.from_bytes(reply[8:10], "big"))
    datagram = bytes([0, 0, 0, 1, 127, 0, 0, 1]) + port.to_bytes(2, "big") + BLOCK[:octets]
    for _ in range(count):
        for attempt in range(5):
            sock.sendto(datagram, relay)
            try:
                if sock.recv(1 << 16) == datagram:
                    break
            except TimeoutError:
                continue
        else:
            raise OSError("no answer to a datagram")
    return [control, sock]


def pull(sock: socket.socket, octets: int) -> int:
    sock.sendall(octets.to_bytes(8, "big"))
    buffer, left = bytearray(1 << 18), octets
    while left:
        count = sock.recv_into(buffer, min(left, len(buffer)))
        if not count:
            raise OSError("ended early")
        left -= count
    return octets


def begin(sock: socket.socket, octets: int) -> None:
    sock.sendall(octets.to_bytes(8, "big"))
    if sock.recv(1000, socket.MSG_WAITALL) != BLOCK[:1000]:
        raise OSError("wrong octets")


def finish(sock: socket.socket, octets: int) -> bool:
    """Whether the rest is what the target has sent, and then the stream ends in order."""
    at, buffer = 1000, bytearray(1 << 18)
    while at < octets:
        count = sock.recv_into(buffer, min(octets - at, len(buffer)))
        if not count or not same(buffer, count, at):
            return False
        at += count
    sock.shutdown(socket.SHUT_WR)
    return sock.recv(1) == b""


def same(buffer: bytearray, count: int, at: int) -> bool:
    start = at % len(BLOCK)
    expected = BLOCK[start : start + count]
    expected += BLOCK[: count - len(expected)]
    return memoryview(buffer)[:count] == expected


def main() -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    threading.stack_size(128 * 1024)
    target, echo, silent, sessions, strangers, begun = Target(), Echo(), [], [], None, 0
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
                elif "associate" in job:
                    made = [job["to"], echo.port, job["datagrams"], job["octets"]]
                    for sockets in threads.map(lambda _: associate(*made), range(job["associate"])):
                        silent += sockets
                elif "pull" in job:
                    answer["octets"] = sum(threads.map(lambda sock: pull(sock, job["pull"]), sessions))
                elif "begin" in job:
                    begun = job["begin"]
                    list(threads.map(lambda sock: begin(sock, begun), sessions))
                elif "finish" in job:
                    answer["equal"] = sum(threads.map(lambda sock: finish(sock, begun), sessions[: job["finish"]]))
                elif "strangers" in job:
                    strangers = Strangers(job["to"], job["strangers"], job["dripping"], job["addresses"])
                elif "wait" in job:
                    answer |= strangers.wait(job["wait"])
                else:
                    for sock in silent + sessions:
                        sock.close()
                    silent, sessions = [], []
        except OSError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
