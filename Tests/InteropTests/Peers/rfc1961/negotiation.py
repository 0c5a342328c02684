"""Hostile negotiations: one function for each scenario. It acts up to the point where the server has to end the session
(or returns how the answer is to be read), and `play` judges the answer."""

import os
import re
import time
from dataclasses import dataclass

from . import client, socks
from .context import ContextFailure, Initiator, service_name
from .framing import ABORT_MESSAGE, AUTHENTICATION, ENCAPSULATED, PROTECTION_LEVEL, FramingError, frame
from .origins import milliseconds_since
from .protection import Protection
from .wire import DEADLINE, FIN, Deadline, Ended, Wire

KEEP_HEX = 256
SCENARIOS = {}
ABORTED = "abort"  # 01 ff, then FIN
NO_METHOD = "no-method"  # 05 ff, then FIN
CLOSED = "closed"  # no octet, then FIN or RST
REFUSED = "refused"  # no octet, 05 ff or 01 ff, then FIN or RST
IN_KIND = "in-kind"  # as REFUSED, or an error of the protocol that the client speaks, then FIN or RST
AGREED = "agreed"  # a level answer
PASSED = "passed"  # an unprotected octet was altered, and the context is genuine
_ANSWERS = {ABORTED: {ABORT_MESSAGE}, NO_METHOD: {b"\x05\xff"}, CLOSED: {b""},
            REFUSED: {b"", b"\x05\xff", ABORT_MESSAGE}}
_IN_KIND = re.compile(rb"\x00\x5b.{6}|HTTP/1\.1 400 .*\r\n\r\n.*", re.DOTALL)


def _is_expected(octets: bytes, expected: str) -> bool:
    if expected == IN_KIND:
        return octets in _ANSWERS[REFUSED] or _IN_KIND.fullmatch(octets) is not None
    return octets in _ANSWERS[expected]


@dataclass(frozen=True)
class Scenario:
    act: object
    expected: str
    timed: bool = False


def scenario(expected: str, timed: bool = False):
    def register(function):
        SCENARIOS[function.__name__.replace("_", "-")] = Scenario(function, expected, timed)
        return function

    return register


def play(wire: Wire, job, result: dict) -> None:
    """Runs the negotiation scenario that the job names and adds what came of it to the result."""
    chosen = SCENARIOS[job.scenario]
    result["expected"] = chosen.expected
    start = time.monotonic()
    octets = b""
    more = None
    try:
        more = chosen.act(wire, job)
        if callable(more):
            octets, end = more()
        elif chosen.expected == AGREED:
            result["level"], end = more, "open"
        else:
            octets, end = wire.to_the_end(Deadline(job.patience))
    except OSError as error:
        octets, end = wire.to_the_end(Deadline(job.patience))
        result["send_error"] = type(error).__name__
    result.update(answer_hex=octets[:KEEP_HEX].hex(), answer_octets=len(octets), end=end,
                  ms=milliseconds_since(start))
    why = []
    if chosen.expected == AGREED:
        if result.get("level") not in (1, 2, 3):
            why.append("no level was agreed")
    else:
        result["passed"] = end == PASSED
        if end == PASSED:
            pass  # Nothing that counts was altered.
        elif not _is_expected(octets, chosen.expected):
            why.append(f"answered {octets[:16].hex() or 'nothing'}")
        if end == DEADLINE:
            why.append("did not end the connection")
        elif end not in (FIN, PASSED) and chosen.expected in (ABORTED, NO_METHOD):
            why.append(f"ended with {end}")
    if chosen.timed and job.deadline_ms and abs(result["ms"] - job.deadline_ms) > 1000:
        why.append(f"ended after {result['ms']} ms")
    result["why"], result["verdict"] = why, "broken" if why else "held"


def _limit(job) -> Deadline:
    return Deadline(job.seconds)


def first_token(job) -> bytes:
    return job.initiator().step(None)


@scenario(NO_METHOD)
def greeting_without_method_1(wire, job):
    wire.send(socks.greeting(bytes([0xFE, 0x80])))


@scenario(IN_KIND)
def greeting_version_4(wire, job):
    wire.send(socks.greeting(bytes([1]), version=4))


@scenario(REFUSED)
def greeting_zero_methods(wire, job):
    wire.send(socks.greeting(b""))


@scenario(IN_KIND)
def greeting_http(wire, job):
    wire.send(b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n")


@scenario(REFUSED, timed=True)
def greeting_silence(wire, job):
    pass


@scenario(REFUSED, timed=True)
def greeting_partial(wire, job):
    wire.send(b"\x05\x02\x01")


@scenario(ABORTED)
def first_token_zero_length(wire, job):
    client.greet(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, b""))


@scenario(ABORTED)
def first_token_garbage(wire, job):
    """65,535 octets that are no token."""
    client.greet(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, os.urandom(65535)))


@scenario(ABORTED)
def first_token_short_garbage(wire, job):
    client.greet(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, b"\x60\x00"))


@scenario(ABORTED)
def first_token_spnego(wire, job):
    """A SPNEGO token, for a server that is not configured for it."""
    token = Initiator(service_name(job.service, job.principal), job.flags, "spnego").step(None)
    client.greet(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, token))


@scenario(ABORTED)
def first_token_tampered(wire, job):
    """A good first token with one bit flipped (`octet`, `bit`; negative counts from the end). Kerberos leaves some
    octets unprotected (message type, options, the ticket's clear fields): a server that accepts such a token must
    answer with one that completes this very context; that counts as `passed`."""
    initiator = job.initiator()
    token = bytearray(initiator.step(None))
    token[min(job.octet, len(token) - 1)] ^= 1 << job.bit  # its length varies a little
    client.greet(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, bytes(token)))

    def answer():
        try:
            message = wire.message(Deadline(job.patience))
        except (Ended, FramingError) as failure:
            return getattr(failure, "partial", b""), getattr(failure, "how", "framing")
        if message.encoded() == ABORT_MESSAGE:
            rest, end = wire.to_the_end(Deadline(job.patience))
            return ABORT_MESSAGE + rest, end
        try:
            passed = not initiator.step(message.token) and initiator.complete
        except ContextFailure:
            passed = False
        return message.encoded(), PASSED if passed else DEADLINE

    return answer


@scenario(ABORTED)
def first_token_truncated(wire, job):
    """The first `at` octets of a good token (at most all but one: its length varies a little)."""
    token = first_token(job)
    client.greet(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, token[: min(job.at or 100, len(token) - 1)]))


@scenario(ABORTED)
def first_token_replayed(wire, job):
    """The first token of a session that succeeded."""
    token = first_token(job)
    other = job.connect()
    client.greet(other, job, _limit(job))
    other.send(frame(AUTHENTICATION, token))
    other.message(_limit(job))
    other.close()
    client.greet(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, token))


@scenario(ABORTED)
def first_message_version_2(wire, job):
    client.greet(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, first_token(job), version=2))


@scenario(ABORTED)
def first_message_type_2(wire, job):
    client.greet(wire, job, _limit(job))
    wire.send(frame(PROTECTION_LEVEL, first_token(job)))


@scenario(ABORTED)
def first_message_type_3(wire, job):
    client.greet(wire, job, _limit(job))
    wire.send(frame(ENCAPSULATED, first_token(job)))


@scenario(ABORTED)
def first_message_clear_request(wire, job):
    """A SOCKS request in clear where the first token is due."""
    client.greet(wire, job, _limit(job))
    wire.send(socks.request(socks.Endpoint("127.0.0.1", 1)))


@scenario(REFUSED)
def first_message_abort(wire, job):
    client.greet(wire, job, _limit(job))
    wire.send(ABORT_MESSAGE)


@scenario(ABORTED, timed=True)
def announced_then_silence(wire, job):
    """A header announces 65,535 octets, then nothing."""
    client.greet(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, b"", length=65535))


@scenario(ABORTED, timed=True)
def announced_then_dripping(wire, job):
    """A header announces 65,535 octets, then one octet per second."""
    client.greet(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, b"", length=65535))

    def drip():
        patience, octets = Deadline(job.patience), b""
        while True:
            try:
                octets += wire.some(Deadline(min(1.0, patience.left)))
            except Ended as end:
                if end.how != DEADLINE or not patience.left:
                    return octets, end.how
                if not octets:
                    wire.send(b"\x60")

    return drip


@scenario(ABORTED, timed=True)
def level_silence(wire, job):
    """A good context, then nothing."""
    client.established(wire, job, _limit(job))


@scenario(ABORTED)
def context_without_mutual(wire, job):
    _weak_context(wire, job, "mutual")


@scenario(ABORTED)
def context_without_replay(wire, job):
    _weak_context(wire, job, "replay")


@scenario(ABORTED)
def context_without_integ(wire, job):
    _weak_context(wire, job, "integ", "conf")


@scenario(ABORTED)
def context_without_anything(wire, job):
    _weak_context(wire, job, "mutual", "replay", "sequence", "integ", "conf")


def _weak_context(wire: Wire, job, *missing: str) -> None:
    initiator = Initiator(service_name(job.service, job.principal), job.flags - set(missing), job.mechanism,
                          job.ccache)
    token = initiator.step(None)
    client.greet(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, token))


@scenario(ABORTED)
def context_as_given(wire, job):
    """A good first token of a context that the server must not accept: another service, mechanism, ccache, key."""
    token = first_token(job)
    client.greet(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, token))


@scenario(ABORTED)
def second_authentication(wire, job):
    """A further authentication message after the context is complete."""
    client.established(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, first_token(job)))


@scenario(ABORTED)
def second_authentication_zero_length(wire, job):
    client.established(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, b""))


@scenario(ABORTED)
def level_asked(wire, job):
    """A level outside 1, 2, 3: `asked`."""
    _level(wire, job, bytes([job.asked]))


@scenario(ABORTED)
def level_two_octets(wire, job):
    _level(wire, job, bytes([job.level, job.level]))


@scenario(ABORTED)
def level_no_octets(wire, job):
    _level(wire, job, b"")


@scenario(ABORTED)
def level_not_wrapped(wire, job):
    client.established(wire, job, _limit(job))
    wire.send(frame(PROTECTION_LEVEL, bytes([job.level])))


@scenario(ABORTED)
def level_zero_length(wire, job):
    client.established(wire, job, _limit(job))
    wire.send(frame(PROTECTION_LEVEL, b""))


@scenario(ABORTED)
def level_type_1(wire, job):
    _level(wire, job, bytes([job.level]), type=AUTHENTICATION)


@scenario(ABORTED)
def level_type_3(wire, job):
    _level(wire, job, bytes([job.level]), type=ENCAPSULATED)


@scenario(ABORTED)
def level_tampered(wire, job):
    _, protection = client.established(wire, job, _limit(job))
    token = bytearray(protection.wrap(bytes([job.level]), sealed=False))
    token[-1] ^= 1
    wire.send(frame(PROTECTION_LEVEL, bytes(token)))


@scenario(ABORTED)
def level_skipped_number(wire, job):
    """The level message is not the first token of its direction."""
    _, protection = client.established(wire, job, _limit(job))
    protection.wrap(b"lost", sealed=False)
    wire.send(frame(PROTECTION_LEVEL, protection.wrap(bytes([job.level]), sealed=False)))


@scenario(ABORTED)
def level_clear_request(wire, job):
    """A SOCKS request in clear after the context is complete, in place of the level message."""
    client.established(wire, job, _limit(job))
    wire.send(socks.request(socks.Endpoint("127.0.0.1", 1)))


@scenario(AGREED)
def level_sealed(wire, job):
    """The level octet sealed: tolerated."""
    _, protection = client.established(wire, job, _limit(job))
    wire.send(frame(PROTECTION_LEVEL, protection.wrap(bytes([job.level]), sealed=True)))
    answer, sealed = protection.unwrap(wire.message(_limit(job)).token)
    return 0 if sealed or len(answer) != 1 else answer[0]


def _level(wire: Wire, job, octets: bytes, type: int = PROTECTION_LEVEL) -> None:
    _, protection = client.established(wire, job, _limit(job))
    wire.send(frame(type, protection.wrap(octets, sealed=False)))


def agreed(wire: Wire, job) -> tuple[Protection, int]:
    _, protection = client.established(wire, job, _limit(job))
    return protection, client.agree(wire, protection, job.level, _limit(job)).level


@scenario(CLOSED)
def request_in_clear(wire, job):
    """A SOCKS request in clear after the level is agreed."""
    agreed(wire, job)
    wire.send(socks.request(socks.Endpoint("127.0.0.1", 1)))


@scenario(CLOSED)
def request_not_wrapped(wire, job):
    """A SOCKS request in a type 3 frame, not wrapped."""
    agreed(wire, job)
    wire.send(frame(ENCAPSULATED, socks.request(socks.Endpoint("127.0.0.1", 1))))


@scenario(CLOSED)
def request_type_1(wire, job):
    protection, level = agreed(wire, job)
    wire.send(frame(AUTHENTICATION, protection.wrap(socks.request(socks.Endpoint("127.0.0.1", 1)), level != 1)))


@scenario(CLOSED)
def request_type_2(wire, job):
    """A second level message in place of the request."""
    protection, _ = agreed(wire, job)
    wire.send(frame(PROTECTION_LEVEL, protection.wrap(bytes([1]), sealed=False)))


@scenario(CLOSED)
def request_zero_length(wire, job):
    agreed(wire, job)
    wire.send(frame(ENCAPSULATED, b""))


@scenario(CLOSED)
def request_tampered(wire, job):
    protection, level = agreed(wire, job)
    token = bytearray(protection.wrap(socks.request(socks.Endpoint("127.0.0.1", 1)), level != 1))
    token[-1] ^= 1
    wire.send(frame(ENCAPSULATED, bytes(token)))


@scenario(CLOSED)
def request_empties(wire, job):
    """`count` empty messages in place of a request."""
    protection, level = agreed(wire, job)
    wire.send(b"".join(frame(ENCAPSULATED, protection.wrap(b"", level != 1)) for _ in range(job.count)))
