"""Targets for CONNECT: listeners whose connections echo, sink, source, do both at once, or record."""

import hashlib
import json
import socket
import threading
import time

from .seeded import BLOCK, SeededStream
from .wire import Deadline, Ended, Wire

RECORD_LIMIT = 1 << 20
MODES = ("echo", "sink", "source", "duplex", "record")


class OriginConnection:
    """One accepted connection, run by threads of its own."""

    def __init__(self, sock: socket.socket, mode: str, octets: int, seed, idle: float, file=None):
        self._wire = Wire(sock)
        self._mode = mode
        self._send_octets = octets
        self._seed = seed
        self._idle = idle
        self._file = file
        self._changed = threading.Condition()
        self._digest = hashlib.sha256()
        self.recorded = b""
        self.received = 0
        self.sent = 0
        self.end: str | None = None
        self._sender = threading.Thread(target=self._send, daemon=True)
        self._receiver = threading.Thread(target=self._receive, daemon=True)
        self._sender.start()
        self._receiver.start()

    def wait(self, octets: int, deadline: Deadline) -> bool:
        """True when at least `octets` octets have come."""
        with self._changed:
            return self._changed.wait_for(lambda: self.received >= octets or self.end, deadline.left) and \
                self.received >= octets

    def wait_for_end(self, deadline: Deadline) -> str | None:
        """How the incoming stream ended, or None when it has not."""
        with self._changed:
            self._changed.wait_for(lambda: self.end, deadline.left)
            return self.end

    def join(self) -> None:
        self._receiver.join()
        self._sender.join()

    def close(self) -> None:
        self._wire.stop_reading()
        self._wire.half_close()
        self.join()
        self._wire.close()

    def report(self) -> dict:
        return {"received": self.received, "received_sha256": self._digest.hexdigest(), "sent": self.sent,
                "end": self.end}

    def _receive(self) -> None:
        end = None
        try:
            while True:
                octets = self._wire.some(Deadline(self._idle))
                if self._mode == "echo":
                    self._wire.send(octets)
                    self.sent += len(octets)
                if self._file:
                    self._file.write(octets)
                self._digest.update(octets)
                with self._changed:
                    self.received += len(octets)
                    self.recorded = (self.recorded + octets)[:RECORD_LIMIT] if self._mode == "record" else b""
                    self._changed.notify_all()
        except Ended as ended:
            end = ended.how
        except OSError as error:
            end = type(error).__name__
        if self._file:
            self._file.flush()
        if self._mode == "sink":
            line = json.dumps({"octets": self.received, "sha256": self._digest.hexdigest()}) + "\n"
            self._try_send(line.encode())
        if self._mode in ("sink", "echo", "record"):
            self._wire.half_close()
        with self._changed:
            self.end = end
            self._changed.notify_all()

    def _send(self) -> None:
        if self._mode not in ("source", "duplex"):
            return
        stream = SeededStream(self._seed, self._send_octets)
        while stream.remaining:
            piece = stream.read(BLOCK)
            if not self._try_send(piece):
                break
            self.sent += len(piece)
        self._wire.half_close()

    def _try_send(self, octets: bytes) -> bool:
        try:
            self._wire.send(octets)
            return True
        except OSError:
            return False


class Origin:
    """A listener. Connections are taken one after the other with `connection`."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, mode: str = "record", octets: int = 0, seed=2,
                 idle: float = 300):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=128)
        self.host = host
        self.port = self._listener.getsockname()[1]
        self._settings = (mode, octets, seed, idle)

    def connection(self, deadline: Deadline | None = None, file=None) -> OriginConnection | None:
        """The next connection, or None when none came before the deadline."""
        self._listener.settimeout(None if deadline is None else max(deadline.left, 0.001))
        try:
            sock, _ = self._listener.accept()
        except TimeoutError:
            return None
        return OriginConnection(sock, *self._settings, file)

    def close(self) -> None:
        self._listener.close()


def milliseconds_since(start: float) -> int:
    return round((time.monotonic() - start) * 1000)
