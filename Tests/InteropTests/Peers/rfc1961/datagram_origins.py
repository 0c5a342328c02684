"""Targets for datagrams: a socket that echoes or only records, and can speak to whoever has spoken to it."""

import select
import socket
import threading

from .wire import Deadline

RECEIVE_BUFFER = 8 << 20
LARGEST = 1 << 16
KEEP = 4096


class DatagramOrigin:
    """A socket at `host` (`::` takes IPv4 too). Data that begins with `answer:N:` is answered with N octets, `silent:`
    with nothing; everything else as it came (`echo`) or not at all (`record`)."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, mode: str = "echo", keep: int = KEEP, observe=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if host == "::":
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind((host, port))
        self.host, self.port = host, self.socket.getsockname()[1]
        self._mode, self._keep, self._observe = mode, keep, observe
        self._changed = threading.Condition()
        self._closing = False
        self.received = 0
        self.recorded: list[tuple[bytes, tuple]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait(self, condition, deadline: Deadline) -> bool:
        """Waits until `condition(self)` holds."""
        with self._changed:
            return bool(self._changed.wait_for(lambda: condition(self), deadline.left))

    def data(self) -> list[bytes]:
        with self._changed:
            return [octets for octets, _ in self.recorded]

    def sources(self) -> set[tuple]:
        """The addresses and ports that have spoken to it."""
        with self._changed:
            return {source[:2] for _, source in self.recorded}

    def last_source(self) -> tuple | None:
        with self._changed:
            return self.recorded[-1][1] if self.recorded else None

    def join(self) -> None:
        self._thread.join()

    def close(self) -> None:
        self._closing = True
        self._thread.join()
        self.socket.close()

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        while not self._closing:
            if not poll.poll(50):
                continue
            try:
                octets, source = self.socket.recvfrom(LARGEST)
            except OSError:  # An ICMP error for an answer of ours.
                continue
            # Before the answer: whoever gets that may ask at once what was recorded.
            with self._changed:
                self.received += 1
                if self._observe:
                    self._observe(octets)
                else:
                    self.recorded = (self.recorded + [(octets, source)])[-self._keep :]
                self._changed.notify_all()
            answer = self._answer(octets)
            if answer is not None:
                try:
                    self.socket.sendto(answer, source)
                except OSError:
                    pass

    def _answer(self, octets: bytes) -> bytes | None:
        if octets.startswith(b"silent:"):
            return None
        if octets.startswith(b"answer:"):
            count = int(octets.split(b":")[1])
            return octets.ljust(count, b".")[:count]
        return octets if self._mode == "echo" else None
