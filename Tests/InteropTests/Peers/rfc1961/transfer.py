"""A good session: octets both ways at once through a gateway, with everything the tokens show."""

import hashlib
import threading
import time
from dataclasses import dataclass

from . import client, socks
from .context import ContextFailure
from .framing import ENCAPSULATED, FramingError, frame
from .origins import Origin, milliseconds_since
from .protection import Protection, ProtectionFailure, Sealing
from .seeded import SeededStream, sha256
from .wire import FIN, Deadline, Ended, Segmenter, Wire


@dataclass
class Transfer(client.Job):
    """`target` is HOST:PORT; without it the process listens itself (at `own`: ipv4, ipv6 or name) and compares both
    directions. `up` and `down` count octets; the seeds are those of `seeded`."""

    target: str | None = None
    own: str = "ipv4"
    up: int = 1
    down: int = 1
    up_seed: str = "up"
    down_seed: str = "down"
    chunk: int = 0
    segment: str = "whole"
    sealing: str = "alternate"
    request_split: int = 1
    early_data: int = 0
    early_tokens: int = 0
    empty_tokens: int = 0
    expect_down: bool = True

    def endpoint(self, origin: Origin | None) -> socks.Endpoint:
        if origin is not None:
            return socks.Endpoint("localhost" if self.own == "name" else origin.host, origin.port)
        host, _, port = self.target.rpartition(":")
        return socks.Endpoint(host.strip("[]"), int(port))


def run(job: Transfer) -> dict:
    """One transfer; the result is the JSON line of `peer_client.py transfer`."""
    origin = None
    if job.target is None:
        host = "::1" if job.own == "ipv6" else "127.0.0.1"
        origin = Origin(host, mode="duplex", octets=job.down, seed=job.down_seed, idle=job.seconds)
    result: dict = {"ok": False, "level_asked": job.level}
    start = time.monotonic()
    wire = None
    try:
        wire = job.connect()
        result["client_port"] = wire.local_port
        _session(wire, job, origin, result)
    except client.Refused as refusal:
        result["refused"] = str(refusal)
    except Ended as end:
        result["ended"] = end.how
        result["partial_hex"] = end.partial[:64].hex()
    except (FramingError, ProtectionFailure, ContextFailure, socks.SOCKSError, OSError) as error:
        result["error"] = f"{type(error).__name__}: {error}"
    finally:
        result["ms"] = milliseconds_since(start)
        if wire is not None:
            wire.close()
        if origin is not None:
            origin.close()
    return result


def _session(wire: Wire, job: Transfer, origin: Origin | None, result: dict) -> None:
    deadline = Deadline(job.seconds)
    initiator, protection = client.established(wire, job, deadline)
    about = initiator.establishment
    result.update(flags=sorted(about.flags), mechanism=about.mechanism, server=about.peer, enctype=about.enctype)
    level = client.agree(wire, protection, job.level, deadline).level
    result["level"] = level
    sender = _Sender(wire, job, protection, level)
    sender.open(job.endpoint(origin))
    reply = client.read_reply(wire, protection, level, deadline)
    result.update(reply=reply.code, bound=f"{reply.bound.host}:{reply.bound.port}", reply_tokens=reply.tokens,
                  reply_sealed=reply.sealed)
    if reply.code != socks.SUCCEEDED:
        _, result["end"] = wire.to_the_end(Deadline(10))
        return
    connection = origin.connection(deadline) if origin else None
    sender.start()
    down = _receive(wire, job, protection, level, reply.early, result)
    sender.join()
    result["up_octets"], result["up_sha256"] = job.up, sender.digest.hexdigest()
    if sender.error:
        result["up_error"] = sender.error
    result["sent"], result["received"] = protection.sent.report(), protection.received.report()
    if connection is not None:
        connection.wait_for_end(Deadline(job.seconds))
        result["origin"] = connection.report()
        connection.close()
    result["ok"] = _is_good(job, result, sender.error, down)


def _is_good(job: Transfer, result: dict, sender_error, down: str) -> bool:
    good = result["end"] == FIN and not result.get("violation") and not sender_error and result["reply_tokens"] == 1
    if job.expect_down:
        good = good and result["down_octets"] == job.down and down == sha256(job.down_seed, job.down)
    if "origin" in result:
        origin = result["origin"]
        good = good and origin["received_sha256"] == result["up_sha256"] and origin["end"] == FIN
    return good


def _receive(wire: Wire, job: Transfer, protection: Protection, level: int, early: bytes, result: dict) -> str:
    digest, octets = hashlib.sha256(early), len(early)
    while True:
        try:
            message = wire.message(Deadline(job.seconds))
            if message.type != ENCAPSULATED or not message.token:
                result["violation"] = f"type {message.type:#04x} with {len(message.token)} octets in the data phase"
                break
            plaintext, sealed = protection.unwrap(message.token, level)
        except Ended as end:
            result["end"] = end.how
            if end.partial:
                result["violation"] = f"ended inside a message after {len(end.partial)} octets"
            break
        except (FramingError, ProtectionFailure) as failure:
            result["violation"] = str(failure)
            break
        digest.update(plaintext)
        octets += len(plaintext)
    result.setdefault("end", "stopped")
    result["down_octets"], result["down_sha256"] = octets, digest.hexdigest()
    return digest.hexdigest()


class _Sender:
    """The upward direction: the request, early data, then the stream in a thread of its own, then the half-close."""

    def __init__(self, wire: Wire, job: Transfer, protection: Protection, level: int):
        self._wire = wire
        self._job = job
        self._protection = protection
        self._sealing = Sealing(level, job.sealing)
        largest = protection.largest_plaintext(level != 1)
        self._chunk = min(job.chunk or largest, largest)
        self._stream = SeededStream(job.up_seed, job.up)
        self._segmenter = Segmenter(wire, job.segment)
        self._level = level
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.digest = hashlib.sha256()
        self.error: str | None = None

    def open(self, endpoint: socks.Endpoint) -> None:
        """Sends the request in `request_split` tokens, the last with early data, then whole tokens of early data."""
        octets = socks.request(endpoint)
        size = -(-len(octets) // self._job.request_split)
        pieces = [octets[at : at + size] for at in range(0, len(octets), size)]
        early = self._stream.read(self._job.early_data)
        self.digest.update(early)
        pieces[-1] += early
        # A request says where the data goes: sealed whenever the level allows it.
        for piece in pieces:
            self._send(piece, self._level != 1)
        for _ in range(self._job.early_tokens):
            self._send_data()
        self._segmenter.flush()

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            for _ in range(self._job.empty_tokens):
                self._send(b"", self._sealing.next())
            while self._stream.remaining:
                self._send_data()
            self._segmenter.flush()
            self._wire.half_close()
        except OSError as error:
            self.error = type(error).__name__

    def _send_data(self) -> None:
        piece = self._stream.read(self._chunk)
        if piece:
            self.digest.update(piece)
            self._send(piece, self._sealing.next())

    def _send(self, plaintext: bytes, sealed: bool) -> None:
        self._segmenter.send(frame(ENCAPSULATED, self._protection.wrap(plaintext, sealed)))
