"""The client's steps, one function each, so that a test can stop or misbehave between any two."""

from dataclasses import dataclass, field

from . import socks
from .context import ALL_FLAGS, Initiator, service_name
from .framing import ABORT, AUTHENTICATION, ENCAPSULATED, PROTECTION_LEVEL, frame
from .protection import LEVEL_CONFIDENTIALITY, Protection
from .wire import Deadline, Wire


class Refused(Exception):
    """The server refused, or answered what RFC 1961 does not allow."""


@dataclass
class Job:
    """Where to connect, as whom, and what to ask for. Unknown fields are an error."""

    server: str = "127.0.0.1:1080"
    service: str = "socks@localhost"
    principal: str | None = None
    ccache: str | None = None
    mechanism: str = "krb5"
    flags: frozenset[str] = ALL_FLAGS
    level: int = 2
    seconds: float = 30
    methods: bytes = field(default=bytes([socks.METHOD_GSSAPI]))

    def connect(self) -> Wire:
        host, _, port = self.server.rpartition(":")
        return Wire.connect(host.strip("[]"), int(port), self.seconds)

    def initiator(self) -> Initiator:
        return Initiator(service_name(self.service, self.principal), self.flags, self.mechanism, self.ccache)


def greet(wire: Wire, job: Job, deadline: Deadline) -> None:
    """RFC 1928 section 3."""
    wire.send(socks.greeting(job.methods))
    answer = wire.exactly(2, deadline)
    if answer != bytes([socks.VERSION, socks.METHOD_GSSAPI]):
        raise Refused(f"method answer {answer.hex()}")


def authenticate(wire: Wire, job: Job, deadline: Deadline) -> Initiator:
    """RFC 1961 section 3: steps until both ends are complete. A server always has the last word here: with no
    token to send it sends one of zero length."""
    initiator = job.initiator()
    token = initiator.step(None)
    while True:
        wire.send(frame(AUTHENTICATION, token))
        answer = _message(wire, AUTHENTICATION, deadline).token
        if initiator.complete:
            if answer:
                raise Refused("a token after the context was complete")
            return initiator
        token = initiator.step(answer)
        if initiator.complete and not token:
            return initiator


def established(wire: Wire, job: Job, deadline: Deadline) -> tuple[Initiator, Protection]:
    greet(wire, job, deadline)
    initiator = authenticate(wire, job, deadline)
    return initiator, Protection(initiator.establishment.context, is_acceptor=False)


@dataclass
class Agreement:
    """The level that both ends keep from now on, and the two tokens that made it."""

    level: int
    sent: bytes = b""
    received: bytes = b""


def agree(wire: Wire, protection: Protection, asked: int, deadline: Deadline) -> Agreement:
    """RFC 1961 section 4: the octet is wrapped with confidentiality off, both ways."""
    sent = protection.wrap(bytes([asked]), sealed=False)
    wire.send(frame(PROTECTION_LEVEL, sent))
    received = _message(wire, PROTECTION_LEVEL, deadline).token
    answer, sealed = protection.unwrap(received)
    if sealed:
        raise Refused("the level answer is sealed")
    if len(answer) != 1 or answer[0] not in (1, 2, 3):
        raise Refused(f"level answer {answer.hex()}")
    protection.start_of_encapsulation()
    return Agreement(answer[0], sent, received)


@dataclass
class Reply:
    code: int
    bound: socks.Endpoint
    sealed: bool
    tokens: int
    early: bytes
    token: bytes


def read_reply(wire: Wire, protection: Protection, level: int, deadline: Deadline) -> Reply:
    """The reply, which may come in several tokens and may have data behind it."""
    octets, tokens = b"", 0
    while True:
        token = _message(wire, ENCAPSULATED, deadline).token
        plaintext, sealed = protection.unwrap(token, level)
        octets, tokens = octets + plaintext, tokens + 1
        decoded = socks.decode_reply(octets)
        if decoded is not None:
            return Reply(decoded[0], decoded[1], sealed, tokens, octets[decoded[2]:], token)
        if tokens > 300:
            raise Refused("a reply in more than 300 tokens")


def send_request(wire: Wire, protection: Protection, level: int, octets: bytes) -> bytes:
    """Sends the request and returns its token."""
    token = protection.wrap(octets, sealed=level >= LEVEL_CONFIDENTIALITY)
    wire.send(frame(ENCAPSULATED, token))
    return token


def _message(wire: Wire, type: int, deadline: Deadline):
    message = wire.message(deadline)
    if message.type == ABORT:
        raise Refused("abort 01ff")
    if message.type != type:
        raise Refused(f"message type {message.type:#04x} where {type:#04x} is due")
    return message
