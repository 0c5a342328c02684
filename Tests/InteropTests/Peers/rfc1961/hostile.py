"""Hostile clients. Every scenario is a session that misbehaves at one point and reports what the server did.

Negotiation scenarios live in SCENARIOS; faults of the data phase come from `faults.FAULTS`.
"""

import os
import time
from dataclasses import dataclass

from . import client, faults, socks
from .context import ContextFailure, Initiator, service_name
from .framing import (ABORT_MESSAGE, AUTHENTICATION, ENCAPSULATED, PROTECTION_LEVEL, FramingError, MessageParser,
                      frame)
from .origins import Origin, milliseconds_since
from .protection import Protection, ProtectionFailure
from .wire import DEADLINE, FIN, Deadline, Ended, Wire

KEEP_HEX = 256


@dataclass
class Hostile(client.Job):
    """`patience` seconds for the server's end; `deadline_ms`, when given, is checked (± 1 s) where a server has to
    end by its own deadline. The rest are parameters of single scenarios."""

    scenario: str = "none"
    position: str = "first"
    pace: str = "lockstep"
    size: int = 24
    sealing: str = "alternate"
    octet: int = 20
    bit: int = 0
    at: int = 0
    count: int = 1500
    asked: int = 0
    patience: float = 10
    deadline_ms: int = 0
    origin_address: str = "127.0.0.1"
    require_reset: bool = True
    sweep: str = ""
    bits: str = "one"

    def __post_init__(self):
        if not (self.scenario in SCENARIOS or self.scenario in faults.FAULTS):
            raise ValueError(f"unknown scenario {self.scenario}")


def run(job: Hostile) -> dict:
    """One scenario (or a sweep over octets); the result is one JSON line."""
    if job.sweep:
        return _sweep(job)
    result = {"scenario": job.scenario, "level_asked": job.level}
    wire = None
    try:
        wire = job.connect()
        result["client_port"] = wire.local_port
        if job.scenario in SCENARIOS:
            _negotiation(wire, job, result)
        else:
            _data(wire, job, result)
    except (client.Refused, Ended, FramingError, ProtectionFailure, ContextFailure, OSError, socks.SOCKSError) as error:
        result["verdict"] = "broken"
        result["why"] = [f"the scenario was not reached: {type(error).__name__}: {error}"]
    finally:
        if wire is not None:
            wire.close()
    return result


# --- Negotiation -----------------------------------------------------------------------------------------------------

SCENARIOS = {}
ABORTED = "abort"  # 01 ff, then FIN
NO_METHOD = "no-method"  # 05 ff, then FIN
CLOSED = "closed"  # no octet, then FIN or RST
REFUSED = "refused"  # no octet, 05 ff or 01 ff, then FIN or RST
AGREED = "agreed"  # a level answer
PASSED = "passed"  # an unprotected octet was altered, and the context is genuine
_ANSWERS = {ABORTED: {ABORT_MESSAGE}, NO_METHOD: {b"\x05\xff"}, CLOSED: {b""},
            REFUSED: {b"", b"\x05\xff", ABORT_MESSAGE}}


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


def _negotiation(wire: Wire, job: Hostile, result: dict) -> None:
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
        elif octets not in _ANSWERS[chosen.expected]:
            why.append(f"answered {octets[:16].hex() or 'nothing'}")
        if end == DEADLINE:
            why.append("did not end the connection")
        elif end not in (FIN, PASSED) and chosen.expected in (ABORTED, NO_METHOD):
            why.append(f"ended with {end}")
    if chosen.timed and job.deadline_ms and abs(result["ms"] - job.deadline_ms) > 1000:
        why.append(f"ended after {result['ms']} ms")
    result["why"], result["verdict"] = why, "broken" if why else "held"


def _limit(job: Hostile) -> Deadline:
    return Deadline(job.seconds)


def _first_token(job: Hostile) -> bytes:
    return job.initiator().step(None)


@scenario(NO_METHOD)
def greeting_without_method_1(wire, job):
    wire.send(socks.greeting(bytes([0xFE, 0x80])))


@scenario(REFUSED)
def greeting_version_4(wire, job):
    wire.send(socks.greeting(bytes([1]), version=4))


@scenario(REFUSED)
def greeting_zero_methods(wire, job):
    wire.send(socks.greeting(b""))


@scenario(REFUSED)
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
    token[job.octet] ^= 1 << job.bit
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
    token = _first_token(job)
    client.greet(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, token[: min(job.at or 100, len(token) - 1)]))


@scenario(ABORTED)
def first_token_replayed(wire, job):
    """The first token of a session that succeeded."""
    token = _first_token(job)
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
    wire.send(frame(AUTHENTICATION, _first_token(job), version=2))


@scenario(ABORTED)
def first_message_type_2(wire, job):
    client.greet(wire, job, _limit(job))
    wire.send(frame(PROTECTION_LEVEL, _first_token(job)))


@scenario(ABORTED)
def first_message_type_3(wire, job):
    client.greet(wire, job, _limit(job))
    wire.send(frame(ENCAPSULATED, _first_token(job)))


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


def _weak_context(wire: Wire, job: Hostile, *missing: str) -> None:
    initiator = Initiator(service_name(job.service, job.principal), job.flags - set(missing), job.mechanism,
                          job.ccache)
    token = initiator.step(None)
    client.greet(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, token))


@scenario(ABORTED)
def context_as_given(wire, job):
    """A good first token of a context that the server must not accept: another service, mechanism, ccache, key."""
    token = _first_token(job)
    client.greet(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, token))


@scenario(ABORTED)
def second_authentication(wire, job):
    """A further authentication message after the context is complete."""
    client.established(wire, job, _limit(job))
    wire.send(frame(AUTHENTICATION, _first_token(job)))


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


def _level(wire: Wire, job: Hostile, octets: bytes, type: int = PROTECTION_LEVEL) -> None:
    _, protection = client.established(wire, job, _limit(job))
    wire.send(frame(type, protection.wrap(octets, sealed=False)))


def _agreed(wire: Wire, job: Hostile) -> tuple[Protection, int]:
    _, protection = client.established(wire, job, _limit(job))
    return protection, client.agree(wire, protection, job.level, _limit(job)).level


@scenario(CLOSED)
def request_in_clear(wire, job):
    """A SOCKS request in clear after the level is agreed."""
    _agreed(wire, job)
    wire.send(socks.request(socks.Endpoint("127.0.0.1", 1)))


@scenario(CLOSED)
def request_not_wrapped(wire, job):
    """A SOCKS request in a type 3 frame, not wrapped."""
    _agreed(wire, job)
    wire.send(frame(ENCAPSULATED, socks.request(socks.Endpoint("127.0.0.1", 1))))


@scenario(CLOSED)
def request_type_1(wire, job):
    protection, level = _agreed(wire, job)
    wire.send(frame(AUTHENTICATION, protection.wrap(socks.request(socks.Endpoint("127.0.0.1", 1)), level != 1)))


@scenario(CLOSED)
def request_type_2(wire, job):
    """A second level message in place of the request."""
    protection, _ = _agreed(wire, job)
    wire.send(frame(PROTECTION_LEVEL, protection.wrap(bytes([1]), sealed=False)))


@scenario(CLOSED)
def request_zero_length(wire, job):
    _agreed(wire, job)
    wire.send(frame(ENCAPSULATED, b""))


@scenario(CLOSED)
def request_tampered(wire, job):
    protection, level = _agreed(wire, job)
    token = bytearray(protection.wrap(socks.request(socks.Endpoint("127.0.0.1", 1)), level != 1))
    token[-1] ^= 1
    wire.send(frame(ENCAPSULATED, bytes(token)))


@scenario(CLOSED)
def request_empties(wire, job):
    """`count` empty messages in place of a request."""
    protection, level = _agreed(wire, job)
    wire.send(b"".join(frame(ENCAPSULATED, protection.wrap(b"", level != 1)) for _ in range(job.count)))


# --- Data phase ------------------------------------------------------------------------------------------------------


def _data(wire: Wire, job: Hostile, result: dict) -> None:
    deadline = _limit(job)
    origin = Origin(job.origin_address, mode="record", idle=job.patience + 60)
    connection = other = None
    try:
        _, protection = client.established(wire, job, deadline)
        agreement = client.agree(wire, protection, job.level, deadline)
        level = agreement.level
        result["level"], result["position"] = level, job.position
        client.send_request(wire, protection, level, socks.request(socks.Endpoint(origin.host, origin.port)))
        reply = client.read_reply(wire, protection, level, deadline)
        if reply.code != socks.SUCCEEDED:
            raise client.Refused(f"reply {reply.code:#04x}")
        connection = origin.connection(deadline)
        if connection is None:
            raise client.Refused("no connection at the target")
        if job.scenario == "foreign":
            other = job.connect()
            foreign = client.established(other, job, deadline)[1]
            client.agree(other, foreign, job.level, deadline)
        script = faults.Script(
            protection, level, faults.POSITIONS[job.position], job.size, job.sealing, job.octet, job.bit, job.at,
            job.count, reflected=reply.token, foreign=foreign if other else None, replayed=agreement.sent)
        plan = faults.plan(job.scenario, script)
        _send(wire, connection, plan, script, job)
        start = time.monotonic()
        _watch(wire, connection, plan, script, job, result)
        result["ms"] = milliseconds_since(start)
        _judge(connection, plan, script, job, result)
    finally:
        if connection is not None:
            connection.close()
        if other is not None:
            other.close()
        origin.close()


def _send(wire: Wire, connection, plan: faults.Plan, script: faults.Script, job: Hostile) -> None:
    """Good messages first (in lockstep: the target has them before the fault goes out), then the rest at once."""
    try:
        if job.pace == "lockstep":
            for frame_ in plan.frames[: plan.before]:
                wire.send(frame_)
            connection.wait(_octets(script, plan.delivered), Deadline(job.patience))
            wire.send(b"".join(plan.frames[plan.before :]))
        else:
            wire.send(b"".join(plan.frames))
    except OSError:
        pass  # The server may have closed already: that is what the scenario waits for.
    if plan.half_close:
        wire.half_close()


def _octets(script: faults.Script, messages: int) -> int:
    return sum(len(script.plaintext(index)) for index in range(messages))


def _watch(wire: Wire, connection, plan, script, job: Hostile, result: dict) -> None:
    if plan.may_pass and not plan.half_close:
        # Refused, or all delivered: when all is there, end the stream.
        connection.wait(_octets(script, faults.MESSAGES), Deadline(job.patience))
        if connection.end is None:
            wire.half_close()
    octets, end = wire.to_the_end(Deadline(job.patience))
    parser, messages = MessageParser(octets), 0
    try:
        while (message := parser.next()) is not None and message.type == ENCAPSULATED:
            messages += 1
        stray = parser.remainder() if message is None else message.encoded() + parser.remainder()
    except FramingError:
        stray = parser.remainder()
    result.update(end=end, messages_from_server=messages, stray_hex=stray[:KEEP_HEX].hex(), stray_octets=len(stray))


def _judge(connection, plan, script, job: Hostile, result: dict) -> None:
    connection.wait_for_end(Deadline(job.patience))
    got = connection.recorded
    whole = b"".join(script.plaintext(index) for index in range(faults.MESSAGES))
    due = whole if plan.accepted else b"".join(script.plaintext(index) for index in range(plan.delivered))
    result["origin"] = {"received": connection.received, "end": connection.end,
                        "messages": [index + 1 for index in range(faults.MESSAGES + 3)
                                     if script.plaintext(index) in got]}
    passed = plan.may_pass and got == whole and connection.end == FIN
    result["passed"] = passed or plan.accepted
    why = []
    if result["end"] == DEADLINE:
        why.append("did not end the connection")
    if result["stray_octets"]:
        why.append("octets in clear")
    if not passed:
        if job.pace == "lockstep" and got != due:
            why.append("the target did not receive exactly what came before the fault")
        if job.pace != "lockstep" and not due.startswith(got):
            why.append("the target received what it must not")
        if plan.accepted and connection.end != FIN:
            why.append(f"the target's connection ended with {connection.end}")
        if not plan.accepted and job.require_reset and connection.end != "rst":
            why.append(f"the target's connection ended with {connection.end}, not a reset")
    result["why"], result["verdict"] = why, "broken" if why else "held"


# --- Sweeps ----------------------------------------------------------------------------------------------------------


def _sweep(job: Hostile) -> dict:
    """Repeats a scenario, one session each, over `A-B` (octets of `flipped` and `first-token-tampered`, lengths of the
    others; `all` finds the length of the message itself). `bits` is `one` (bit number = octet mod 8) or `all`."""
    first, last = _bounds(job)
    by_octet = job.scenario in ("flipped", "first-token-tampered")
    result = {"scenario": job.scenario, "sweep": [first, last], "sessions": 0, "held": 0, "passed": 0, "broken": []}
    for value in range(first, last + 1):
        for bit in (range(8) if job.bits == "all" and by_octet else [value % 8]):
            fields = {**vars(job), "sweep": ""}
            fields.update({"octet": value, "bit": bit} if by_octet else {"at": value})
            single = run(Hostile(**fields))
            result["sessions"] += 1
            result["passed"] += bool(single.get("passed"))
            if single["verdict"] == "held":
                result["held"] += 1
            elif len(result["broken"]) < 20:
                result["broken"].append({"value": value, "bit": bit, "why": single["why"]})
    result["verdict"] = "held" if result["held"] == result["sessions"] else "broken"
    return result


def _bounds(job: Hostile) -> tuple[int, int]:
    if job.sweep != "all":
        first, _, last = job.sweep.partition("-")
        return int(first), int(last or first)
    if job.scenario in ("first-token-tampered", "first-token-truncated"):
        length = len(_first_token(job))
        return (0, length - 1) if job.scenario == "first-token-tampered" else (1, length - 1)
    # The length of one framed message of this size depends on level and enctype: a session tells.
    wire = job.connect()
    try:
        protection, level = _agreed(wire, job)
        framed = 4 + len(protection.wrap(b"x" * job.size, level != 1))
    finally:
        wire.close()
    return {"flipped": (0, framed - 1), "truncated": (0, framed - 5), "misdeclared": (0, framed - 5)}.get(
        job.scenario, (1, framed - 1))
