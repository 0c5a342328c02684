"""Hostile datagrams and hostile ends of associations. Every shot is followed by a good datagram that the target echoes:
when the echo has come, the shot has been dealt with. Nothing else may come, here or at the target."""

import select
import time
from collections.abc import Callable
from dataclasses import dataclass

from . import client, datagram_faults, socks
from .association import Arrival, Association, DatagramJob, bound_socket
from .context import ContextFailure
from .datagram_faults import MARK, OTHER_ADDRESS, OTHER_PORT, OWN, DatagramScript, Shot
from .datagram_origins import LARGEST, DatagramOrigin
from .framing import ENCAPSULATED, FramingError, frame
from .origins import milliseconds_since
from .protection import ProtectionFailure
from .wire import DEADLINE, Deadline, Ended

GOOD = b"good:"


@dataclass
class Datagrams(DatagramJob):
    """`scenario` is one of `datagram_faults.FAULTS` or of `SCENARIOS`; `octet`, `bit`, `at`, `count` are parameters.
    `relay_port` is where the relay will listen (for `early`), `other_address` another address of this machine."""

    scenario: str = "none"
    octet: int = -1
    bit: int = -1
    at: int = -1
    count: int = 80
    patience: float = 5
    relay_port: int = 0
    other_address: str = "127.0.0.2"

    def __post_init__(self):
        if not (self.scenario in datagram_faults.FAULTS or self.scenario in SCENARIOS):
            raise ValueError(f"unknown scenario {self.scenario}")


SCENARIOS: dict[str, Callable] = {}


def scenario(function):
    SCENARIOS[function.__name__.replace("_", "-")] = function
    return function


def run(job: Datagrams) -> dict:
    """One scenario; the result is the JSON line of `peer_client.py datagrams`."""
    result = {"scenario": job.scenario, "level_asked": job.level, "shots": 0, "passed": 0, "good": 0}
    why: list[str] = []
    origin = session = None
    start = time.monotonic()
    try:
        origin = job.origin(keep=20000)
        session = Session(job, origin, result, why)
        if job.scenario in SCENARIOS:
            SCENARIOS[job.scenario](session)
        else:
            session.fire(job.scenario)
        session.judge()
    except (client.Refused, Ended, FramingError, ProtectionFailure, ContextFailure, OSError, socks.SOCKSError) as error:
        why.append(f"{type(error).__name__}: {error}")
    finally:
        if session is not None:
            session.close()
        if origin is not None:
            origin.close()
    result.update(why=why, verdict="broken" if why else "held", ms=milliseconds_since(start))
    return result


class Session:
    """An association with a target that echoes, and two more sockets that speak to the relay."""

    def __init__(self, job: Datagrams, origin: DatagramOrigin, result: dict, why: list[str]):
        self.job, self.origin, self.result, self.why = job, origin, result, why
        self.endpoint = job.endpoint(origin)
        self.over = False
        self._others: dict = {}
        self._foreign: Association | None = None
        self._allowed: set[bytes] = set()
        self.association = association = Association(job, self._before_reply)
        result.update(client_port=association.wire.local_port, level=association.level)
        local = association.local.host
        self._others = {OTHER_PORT: bound_socket(local)}
        if ":" not in local:
            self._others[OTHER_ADDRESS] = bound_socket(job.other_address)

    def close(self) -> None:
        for one in self._others.values():
            one.close()
        if self._foreign is not None:
            self._foreign.close()
        self.association.close()

    def _before_reply(self, association: Association) -> None:
        if self.job.scenario == "early":
            # It has the number after the request's, and may be there before the reply.
            octets = frame(ENCAPSULATED, association.protection.wrap(
                socks.datagram_header(self.endpoint) + MARK + b"early", association.level != 1))
            self._allowed.add(MARK + b"early")
            host = association.wire.socket.getpeername()[0]
            for _ in range(20):
                association.udp.sendto(octets, (host, self.job.relay_port))

    # --- Good datagrams

    def good(self) -> Arrival:
        """One datagram there and back."""
        self.result["good"] += 1
        data = GOOD + str(self.result["good"]).encode()
        octets = self.association.datagram(self.endpoint, data)
        self.association.send(octets)
        return self._echo(data)

    def _echo(self, data: bytes) -> Arrival:
        while True:
            arrival = self.association.receive(Deadline(self.job.patience))
            if arrival is None:
                raise Ended(DEADLINE)
            if arrival.data == data:
                return arrival
            if arrival.data not in self._allowed:
                raise FramingError(f"an answer that was not due: {arrival.data[:40]!r}")

    def behind(self, count: int) -> bytes:
        """A datagram that was delivered, then `count` more."""
        self.result["good"] += 1
        data = GOOD + str(self.result["good"]).encode()
        octets = self.association.datagram(self.endpoint, data)
        self.association.send(octets)
        self._echo(data)
        for _ in range(count):
            self.good()
        return octets

    # --- Shots

    def fire(self, name: str, first: bool = False) -> None:
        """All shots of a fault. `first`: before any good datagram."""
        last = b"" if first else self.good().octets
        script = self.script(last)
        for shot in datagram_faults.shots(name, script):
            if shot.may_pass:
                self._allowed.add(script.last_mark)
            self.shoot(shot)
            self.good()

    def script(self, received: bytes = b"") -> DatagramScript:
        job, association = self.job, self.association
        if job.scenario == "foreign":
            self._foreign = Association(job)
        return DatagramScript(
            association.datagrams, self.endpoint, self.behind, received,
            (association.request_token, association.agreement.sent, association.reply.token),
            self._foreign.datagrams if self._foreign else None, job.octet, job.bit, job.at, job.count)

    def shoot(self, shot: Shot) -> None:
        self.result["shots"] += 1
        sock = None if shot.source == OWN else self._others[shot.source]
        self.association.send(shot.octets, sock)

    # --- The end

    def expect_end(self, start: float, limit_ms: int = 100, ends_connection: bool = True) -> None:
        """The relay's port is gone in time, and what is sent there reaches nobody."""
        self.over = True
        gone = self.association.gone_after(self.job.patience)
        self.result["gone_ms"] = milliseconds_since(start) if gone is not None else None
        if gone is None or self.result["gone_ms"] > limit_ms:
            self.why.append(f"the relay was still there after {limit_ms} ms")
        if ends_connection:
            stray, end = self.association.ended(Deadline(self.job.patience))
            self.result.update(end=end, stray_octets=len(stray))
            if end == DEADLINE or stray:
                self.why.append(f"the control connection: {end}, {len(stray)} octets")

    def judge(self) -> None:
        """Only good datagrams at the target, nothing more at any of the sockets."""
        if not self.over:
            self.good()
        stray = [data for data in self.origin.data() if not data.startswith(GOOD)]
        self.result["passed"] = len(stray)
        wrong = [data for data in stray if data not in self._allowed]
        if wrong:
            self.why.append(f"delivered: {wrong[0][:40]!r} and {len(wrong) - 1} more")
        good = [data for data in self.origin.data() if data.startswith(GOOD)]
        if len(good) != len(set(good)):
            self.why.append("a good datagram was delivered twice")
        if len(self.origin.sources()) > 1:
            self.why.append(f"the target saw more than one source: {sorted(self.origin.sources())}")
        answers = sum(self._waiting(sock) for sock in [*self._others.values(), self.association.udp])
        self.result["answers"] = answers
        if answers:
            self.why.append(f"{answers} answers that were not due")

    def _waiting(self, sock) -> int:
        poll, count = select.poll(), 0
        poll.register(sock, select.POLLIN)
        while poll.poll(0):
            try:
                sock.recv(LARGEST)
                count += 1
            except OSError:
                pass
        return count


# --- Scenarios that are no single shots


@scenario
def none(session: Session) -> None:
    """Nothing is wrong."""
    for _ in range(9):
        session.good()


@scenario
def first_from_another_address(session: Session) -> None:
    """Before any other datagram a good one comes from another address. The right one works after it."""
    session.fire("other-address", first=True)


@scenario
def first_is_garbage(session: Session) -> None:
    """Before any good datagram invalid ones come from another port: they claim nothing."""
    session.association.send(b"garbage", session._others[OTHER_PORT])
    for shot in datagram_faults.shots("garbage", session.script()):
        session.shoot(Shot(shot.octets, OTHER_PORT))
    session.result["shots"] += 1
    session.fire("clear")


@scenario
def early(session: Session) -> None:
    """A datagram at the relay's port (`relay_port`) before the reply has been read: delivered once, or dropped."""
    session.result["shots"] = 20
    session.good()
    session.result["passed"] = session.origin.data().count(MARK + b"early")
    if session.result["passed"] > 1:
        session.why.append("an early datagram was delivered more than once")
    session.behind(3)


@scenario
def injected(session: Session) -> None:
    """Others than the target send to the relay's port on the target's side: 0 reach the client."""
    session.good()
    outward = session.origin.last_source()
    host = session.origin.socket.getsockname()[0]
    others = [bound_socket(host)] if ":" in host else [bound_socket(host), bound_socket(session.job.other_address)]
    try:
        for _ in range(session.job.count):
            for other in others:
                for octets in (b"injected", session.association.datagram(session.endpoint, b"injected")):
                    other.sendto(octets, outward[:2])
                    session.result["shots"] += 1
            session.good()
        session.result["answers_at_target"] = sum(session._waiting(other) for other in others)
        if session.result["answers_at_target"]:
            session.why.append("an injected datagram was answered")
    finally:
        for other in others:
            other.close()


@scenario
def flood(session: Session) -> None:
    """`count` invalid datagrams of many kinds, as fast as they are taken: no answer to any."""
    association = session.association
    ammunition = [*_ammunition(session)]
    for number in range(session.job.count):
        octets, source = ammunition[number % len(ammunition)]
        association.send(octets, None if source == OWN else session._others[source])
        if number % 100 == 99:
            session.good()  # No more of them wait at the relay than its socket holds.
    session.result["shots"] = session.job.count


def _ammunition(session: Session):
    received = session.good().octets
    script = session.script(received)
    for name in datagram_faults.FAULTS:
        if name in ("foreign", "repeated-later") or name == "integrity-only" and session.association.level != 2:
            continue
        for shot in datagram_faults.shots(name, script):
            if not shot.may_pass and len(shot.octets) < 2000:
                yield shot.octets, shot.source


@scenario
def further_token(session: Session) -> None:
    """A further good token on the control connection ends the association."""
    session.good()
    token = session.association.protection.wrap(b"more", session.association.level != 1)
    _send_at_the_end(session, frame(ENCAPSULATED, token))


@scenario
def further_clear(session: Session) -> None:
    """A request in clear on the control connection after the reply ends it."""
    session.good()
    _send_at_the_end(session, socks.request(session.endpoint))


@scenario
def datagram_on_control(session: Session) -> None:
    """A datagram that was delivered, on the control connection."""
    _send_at_the_end(session, session.behind(0))


@scenario
def control_fin(session: Session) -> None:
    """The client closes the control connection."""
    session.good()
    start = time.monotonic()
    session.association.wire.half_close()
    session.expect_end(start)
    _send_after_the_end(session)


@scenario
def control_reset(session: Session) -> None:
    """The client resets the control connection."""
    session.good()
    start = time.monotonic()
    session.association.wire.reset()
    session.expect_end(start, ends_connection=False)
    _send_after_the_end(session)


def _send_at_the_end(session: Session, octets: bytes) -> None:
    start = time.monotonic()
    session.association.wire.send(octets)
    session.expect_end(start)
    _send_after_the_end(session)


def _send_after_the_end(session: Session) -> None:
    """Good datagrams for which there is no relay any more."""
    for _ in range(3):
        session.association.send(session.association.datagram(session.endpoint, MARK + b"after the end"))
        session.result["shots"] += 1
    if session.origin.wait(lambda one: any(data.startswith(MARK) for data, _ in one.recorded), Deadline(0.2)):
        session.why.append("a datagram was relayed after the end")
