"""The client's end of BIND (RFC 1928 section 4): two replies, and between them somebody who connects."""

import hashlib
import socket
import threading
import time
from dataclasses import dataclass, field

from . import client, socks
from .context import ContextFailure
from .framing import ENCAPSULATED, FramingError, frame
from .origins import milliseconds_since
from .protection import Protection, ProtectionFailure, Sealing
from .seeded import SeededStream, sha256
from .wire import FIN, Deadline, Ended, Wire

CHUNK = 30000


@dataclass
class Bind(client.Job):
    """`expected` is the address that the request tells (`zero`, or HOST:PORT; `peer` is that of the one who connects).

    `connects` are the local addresses from which somebody connects to the listening port, one after the other; the
    last is the one who is welcome, unless `leave` says that the client goes before: `fin` or `reset`. With `leave`
    `stay` nobody is welcome and the server's timer ends it. `late` connects once more when the two are connected.
    Nobody listens any more `gone_limit_ms` after
    the end. `listener` replaces the address that the first reply tells. `up` and `down` count octets of the relay."""

    expected: str = "zero"
    connects: list[str] = field(default_factory=lambda: ["127.0.0.1"])
    leave: str = ""
    late: bool = False
    listener: str = ""
    up: int = 1000
    down: int = 1000
    sealing: str = "alternate"
    patience: float = 10
    gone_limit_ms: int = 100

    def __post_init__(self):
        if self.leave not in ("", "fin", "reset", "stay"):
            raise ValueError(f"unknown way to leave {self.leave}")


def run(job: Bind) -> dict:
    """One session; the result is the JSON line of `peer_client.py bind`."""
    result: dict = {"ok": False, "level_asked": job.level, "connections": []}
    session = None
    start = time.monotonic()
    try:
        session = _Session(job, result)
        session.run()
    except client.Refused as refusal:
        result["refused"] = str(refusal)
    except Ended as end:
        result["ended"] = end.how
        result["partial_hex"] = end.partial[:64].hex()
    except (FramingError, ProtectionFailure, ContextFailure, socks.SOCKSError, OSError) as error:
        result["error"] = f"{type(error).__name__}: {error}"
    finally:
        result["ms"] = milliseconds_since(start)
        if session is not None:
            session.close()
    return result


class _Session:
    def __init__(self, job: Bind, result: dict):
        self._job, self._result = job, result
        self._deadline = Deadline(job.seconds)
        self._peers: list[Wire] = []
        self._wire = job.connect()
        result["client_port"] = self._wire.local_port

    def run(self) -> None:
        job, result = self._job, self._result
        initiator, protection = client.established(self._wire, job, self._deadline)
        level = client.agree(self._wire, protection, job.level, self._deadline).level
        result["level"] = level
        client.send_request(self._wire, protection, level, socks.request(self._expected(), socks.BIND))
        first = client.read_reply(self._wire, protection, level, self._deadline)
        result.update(reply=first.code, bound=str(first.bound), reply_sealed=first.sealed, reply_tokens=first.tokens)
        if first.code != socks.SUCCEEDED:
            _, result["end"] = self._wire.to_the_end(Deadline(job.patience))
            return
        listening = socks.Endpoint.parse(job.listener) if job.listener else first.bound
        self._listening = (listening.host, listening.port)
        if job.leave:
            self._leave(protection, level)
            return
        for host in job.connects[:-1]:
            self._unwelcome(host)
        self._welcome(protection, level)

    def close(self) -> None:
        for peer in self._peers:
            peer.close()
        self._wire.close()

    def _expected(self) -> socks.Endpoint:
        if self._job.expected == "zero":
            return socks.Endpoint("0.0.0.0", 0)
        if self._job.expected == "peer":
            return socks.Endpoint(self._job.connects[-1], 0)
        return socks.Endpoint.parse(self._job.expected)

    # --- Those who are not welcome

    def _unwelcome(self, host: str) -> None:
        """One who must not be connected to the client: refused, or accepted and ended without an octet."""
        self._result["connections"].append(self._outcome(host))

    def _outcome(self, host: str) -> dict:
        start = time.monotonic()
        try:
            peer = self._connect(host)
        except OSError as error:
            return {"from": host, "end": type(error).__name__, "octets": 0}
        self._try_send(peer, b"intruder")
        octets, end = peer.to_the_end(Deadline(self._job.patience))
        return {"from": host, "end": end, "octets": len(octets), "ms": milliseconds_since(start)}

    def _leave(self, protection: Protection, level: int) -> None:
        job, result = self._job, self._result
        for host in job.connects if job.leave == "stay" else []:
            self._unwelcome(host)
        start = time.monotonic()
        if job.leave == "fin":
            self._wire.close()
        elif job.leave == "reset":
            self._wire.reset()
        else:
            second = client.read_reply(self._wire, protection, level, Deadline(job.patience))
            result.update(second_reply=second.code, second_sealed=second.sealed, second_tokens=second.tokens,
                          timer_ms=milliseconds_since(start))
            start = time.monotonic()
        result["gone_ms"] = self._gone_after(start)
        if job.leave == "stay":
            _, result["end"] = self._wire.to_the_end(Deadline(job.patience))
        outcomes = all(one["octets"] == 0 and one["end"] != "deadline" for one in result["connections"])
        result["ok"] = self._is_gone() and outcomes and result.get("second_reply") != socks.SUCCEEDED

    def _gone_after(self, start: float) -> int | None:
        """Milliseconds from `start` until nobody listens there any more."""
        deadline = Deadline(self._job.patience)
        while deadline.left:
            try:
                probe = socket.create_connection(self._listening, timeout=0.2)
            except TimeoutError:
                continue
            except OSError:
                return milliseconds_since(start)
            # Whoever was taken in meanwhile.
            probe.close()
            time.sleep(0.002)  # between two attempts, against the deadline above
        return None

    def _is_gone(self) -> bool:
        gone = self._result["gone_ms"]
        return gone is not None and gone <= self._job.gone_limit_ms

    # --- The one who is

    def _welcome(self, protection: Protection, level: int) -> None:
        job, result = self._job, self._result
        peer = self._connect(job.connects[-1])
        second = client.read_reply(self._wire, protection, level, Deadline(job.patience))
        result.update(second_reply=second.code, second_bound=str(second.bound), second_sealed=second.sealed,
                      second_tokens=second.tokens)
        if second.code != socks.SUCCEEDED:
            _, result["end"] = self._wire.to_the_end(Deadline(job.patience))
            result["gone_ms"] = self._gone_after(time.monotonic())
            return
        result["is_peer"] = second.bound == socks.Endpoint.of(peer.socket.getsockname())
        result["gone_ms"] = self._gone_after(time.monotonic())
        if job.late:
            self._unwelcome(job.connects[-1])
        good = self._relay(protection, level, peer, second.early)
        result["ok"] = good and result["is_peer"] and self._is_gone() and all(
            one["octets"] == 0 and one["end"] != "deadline" for one in result["connections"])

    def _connect(self, host: str) -> Wire:
        sock = socket.create_connection(self._listening, timeout=self._job.seconds, source_address=(host, 0))
        peer = Wire(sock)
        self._peers.append(peer)
        return peer

    def _relay(self, protection: Protection, level: int, peer: Wire, early: bytes) -> bool:
        """Both directions at once; each ends with a FIN that the other side sees."""
        job, result = self._job, self._result
        threads = [threading.Thread(target=one, daemon=True) for one in (
            lambda: self._send_up(protection, level), lambda: self._send_down(peer),
            lambda: result.update(peer=self._receive_at(peer)))]
        for thread in threads:
            thread.start()
        octets, down, end = self._receive(protection, level, early)
        for thread in threads:
            thread.join()
        result.update(down_octets=octets, end=end, up_octets=result["peer"]["octets"])
        result["sent"], result["received"] = protection.sent.report(), protection.received.report()
        return (down == sha256("down", job.down) and result["peer"]["sha256"] == sha256("up", job.up) and end == FIN
                and result["peer"]["end"] == FIN)

    def _send_up(self, protection: Protection, level: int) -> None:
        sealing, stream = Sealing(level, self._job.sealing), SeededStream("up", self._job.up)
        while stream.remaining:
            self._try_send(self._wire, frame(ENCAPSULATED, protection.wrap(stream.read(CHUNK), sealing.next())))
        self._wire.half_close()

    def _send_down(self, peer: Wire) -> None:
        stream = SeededStream("down", self._job.down)
        while stream.remaining:
            self._try_send(peer, stream.read(CHUNK))
        peer.half_close()

    def _receive(self, protection: Protection, level: int, early: bytes) -> tuple[int, str, str]:
        digest, octets = hashlib.sha256(early), len(early)
        while True:
            try:
                message = self._wire.message(Deadline(self._job.seconds))
            except Ended as end:
                return octets, digest.hexdigest(), end.how if not end.partial else "inside a message"
            if message.type != ENCAPSULATED:
                raise FramingError(f"message type {message.type:#04x}")
            plaintext, _ = protection.unwrap(message.token, level)
            digest.update(plaintext)
            octets += len(plaintext)

    def _receive_at(self, peer: Wire) -> dict:
        digest, octets = hashlib.sha256(), 0
        while True:
            try:
                piece = peer.some(Deadline(self._job.seconds))
            except (Ended, OSError) as end:  # It may have been closed here, after a violation on the other side.
                return {"octets": octets, "sha256": digest.hexdigest(), "end": getattr(end, "how", "closed")}
            digest.update(piece)
            octets += len(piece)

    def _try_send(self, wire: Wire, octets: bytes) -> None:
        try:
            wire.send(octets)
        except OSError:
            pass
