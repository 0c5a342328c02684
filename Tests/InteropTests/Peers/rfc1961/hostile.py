"""Hostile clients. Every scenario is a session that misbehaves at one point and reports what the server did.

The scenarios are those of `negotiation.SCENARIOS` and, for the data phase, `faults.FAULTS`.
"""

import time
from dataclasses import dataclass

from . import client, faults, socks
from .context import ContextFailure
from .framing import ENCAPSULATED, FramingError, MessageParser
from .negotiation import KEEP_HEX, SCENARIOS, agreed, first_token, play
from .origins import Origin, milliseconds_since
from .protection import ProtectionFailure
from .wire import DEADLINE, FIN, Deadline, Ended, Wire


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
            play(wire, job, result)
        else:
            _data(wire, job, result)
    except (client.Refused, Ended, FramingError, ProtectionFailure, ContextFailure, OSError, socks.SOCKSError) as error:
        result["verdict"] = "broken"
        result["why"] = [f"the scenario was not reached: {type(error).__name__}: {error}"]
    finally:
        if wire is not None:
            wire.close()
    return result


# --- Data phase ------------------------------------------------------------------------------------------------------


def _data(wire: Wire, job: Hostile, result: dict) -> None:
    deadline = Deadline(job.seconds)
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
        length = len(first_token(job))
        return (0, length - 1) if job.scenario == "first-token-tampered" else (1, length - 1)
    # The length of one framed message of this size depends on level and enctype: a session tells.
    wire = job.connect()
    try:
        protection, level = agreed(wire, job)
        framed = 4 + len(protection.wrap(b"x" * job.size, level != 1))
    finally:
        wire.close()
    return {"flipped": (0, framed - 1), "truncated": (0, framed - 5), "misdeclared": (0, framed - 5)}.get(
        job.scenario, (1, framed - 1))
