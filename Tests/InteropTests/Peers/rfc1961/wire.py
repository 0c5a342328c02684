"""Sockets with deadlines: exact reads, whole messages, how a stream ended, and how outgoing octets are cut."""

import random
import select
import socket
import struct
import time

from .framing import Message, MessageParser

FIN = "fin"
RESET = "rst"
DEADLINE = "deadline"
_READ = 1 << 18


class Ended(Exception):
    """The peer's stream ended (`fin`, `rst`) or the deadline passed before what was due had come."""

    def __init__(self, how: str, partial: bytes = b""):
        super().__init__(f"{how} after {len(partial)} octets")
        self.how = how
        self.partial = partial


class Deadline:
    """A point in time; waits are made against it, never for a fixed pause."""

    def __init__(self, seconds: float):
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())


class Wire:
    """One TCP connection. Reads wait for the deadline given; sends block at most `send_limit` seconds."""

    def __init__(self, sock: socket.socket, send_limit: float = 60):
        self.socket = sock
        sock.settimeout(send_limit)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._held = b""
        self._parser: MessageParser | None = None
        self.ended: str | None = None

    @staticmethod
    def connect(host: str, port: int, seconds: float = 10) -> "Wire":
        return Wire(socket.create_connection((host, port), timeout=seconds))

    @property
    def local_port(self) -> int:
        return self.socket.getsockname()[1]

    def some(self, deadline: Deadline) -> bytes:
        """The next octets. Raises Ended on FIN, reset or the deadline."""
        if self._held:
            held, self._held = self._held, b""
            return held
        if self.ended:
            raise Ended(self.ended)
        if not self._poll.poll(deadline.left * 1000):
            raise Ended(DEADLINE)
        try:
            octets = self.socket.recv(_READ)
        except (ConnectionResetError, BrokenPipeError):
            self.ended = RESET
            raise Ended(RESET) from None
        if not octets:
            self.ended = FIN
            raise Ended(FIN)
        return octets

    def exactly(self, count: int, deadline: Deadline) -> bytes:
        octets = b""
        while len(octets) < count:
            try:
                octets += self.some(deadline)
            except Ended as end:
                self._held = octets
                raise Ended(end.how, octets) from None
        self._held = octets[count:]
        return octets[:count]

    def message(self, deadline: Deadline) -> Message:
        """The next whole RFC 1961 message. From the first call on all input is messages."""
        if self._parser is None:
            self._parser, self._held = MessageParser(self._held), b""
        while True:
            message = self._parser.next()
            if message is not None:
                return message
            try:
                self._parser.feed(self.some(deadline))
            except Ended as end:
                raise Ended(end.how, self._parser.remainder()) from None

    def to_the_end(self, deadline: Deadline, limit: int = 1 << 20) -> tuple[bytes, str]:
        """All octets until the stream ends (those beyond `limit` are dropped), and how it ended."""
        octets = b""
        if self._parser is not None:
            octets, self._parser = self._parser.remainder(), None
        while True:
            try:
                piece = self.some(deadline)
            except Ended as end:
                return octets, end.how
            octets = (octets + piece)[:limit]

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def half_close(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def hold_open(self, deadline: Deadline) -> None:
        """Waits until the connection is gone both ways, or for the deadline."""
        poll = select.poll()
        poll.register(self.socket, select.POLLERR)
        poll.poll(deadline.left * 1000)

    def stop_reading(self) -> None:
        """Wakes a thread that waits for octets."""
        try:
            self.socket.shutdown(socket.SHUT_RD)
        except OSError:
            pass

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Closes with RST instead of FIN."""
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        self.socket.close()

    def refuse(self, answer: bytes, seconds: float = 2, limit: int = 1 << 16) -> None:
        """Sends the answer, ends the sending side, discards a bounded amount of what still comes, closes."""
        try:
            self.send(answer)
        except OSError:
            pass
        self.half_close()
        deadline, discarded = Deadline(seconds), 0
        try:
            while discarded <= limit:
                discarded += len(self.some(deadline))
        except Ended:
            pass
        self.close()


class Segmenter:
    """Cuts outgoing messages: `whole` (each message one write), `split` (header, then token), `octets` (one by one),
    `random` (seeded cuts anywhere), `coalesce` (eight messages in one write)."""

    def __init__(self, wire: Wire, mode: str = "whole", seed: int = 1):
        if mode not in ("whole", "split", "octets", "random", "coalesce"):
            raise ValueError(f"unknown segmentation {mode}")
        self._wire = wire
        self._mode = mode
        self._random = random.Random(seed)
        self._group: list[bytes] = []

    def send(self, frame: bytes) -> None:
        if self._mode == "whole":
            self._wire.send(frame)
        elif self._mode == "split":
            self._wire.send(frame[:4])
            if frame[4:]:
                self._wire.send(frame[4:])
        elif self._mode == "octets":
            for octet in frame:
                self._wire.send(bytes([octet]))
        else:
            self._group.append(frame)
            if len(self._group) == 8:
                self.flush()

    def flush(self) -> None:
        """Sends what is held back (`coalesce`, `random`)."""
        octets, self._group = b"".join(self._group), []
        if self._mode == "random":
            while octets:
                cut = self._random.choice((1, 2, 3, self._random.randint(1, 70000)))
                self._wire.send(octets[:cut])
                octets = octets[cut:]
        elif octets:
            self._wire.send(octets)
