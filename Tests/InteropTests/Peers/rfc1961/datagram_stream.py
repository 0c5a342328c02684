"""A stream of valid datagrams on a bad network: some lost, some twice, some late, and gaps in the numbers. What is
fresh and inside the window must come out once, nothing may come out twice."""

import heapq
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from . import client, socks
from .association import Association, DatagramJob
from .context import ContextFailure
from .datagrams import WINDOW, Window
from .framing import HEADER_LENGTH, FramingError
from .origins import milliseconds_since
from .protection import ProtectionFailure, TokenHeader
from .wire import Deadline, Ended

INDEX = 8
AHEAD = 64  # So many at most wait in a socket's buffer.
COMPLAINTS = 20


@dataclass
class Stream(DatagramJob):
    """`count` numbers are used; `lost` and `repeated` are parts of 1, `displaced` the part that comes late, by up to
    `reorder` datagrams. `gaps` times up to `gap` numbers are left out. Repeated ones come up to `behind` later."""

    count: int = 50000
    size: int = 24
    lost: float = 0.05
    repeated: float = 0.05
    displaced: float = 0.25
    reorder: int = 1000
    behind: int = 5000
    gaps: int = 10
    gap: int = 10000
    width: int = WINDOW
    seed: int = 1
    patience: float = 5


def run(job: Stream) -> dict:
    """One stream; the result is the JSON line of `peer_client.py stream`."""
    result: dict = {"ok": False, "level_asked": job.level}
    start = time.monotonic()
    origin = association = None
    arrivals = _Arrivals(job.count)
    try:
        origin = job.origin(mode="record", observe=arrivals.note)
        association = Association(job)
        result.update(client_port=association.wire.local_port, level=association.level)
        _send(association, job, origin, arrivals, result)
    except (client.Refused, Ended, FramingError, ProtectionFailure, ContextFailure, OSError, socks.SOCKSError) as error:
        result["error"] = f"{type(error).__name__}: {error}"
    finally:
        if association is not None:
            association.close()
        if origin is not None:
            origin.close()
    result["ms"] = milliseconds_since(start)
    return result


class _Arrivals:
    """How often each datagram has come out."""

    def __init__(self, count: int):
        self.times = bytearray(count)
        self.strange = 0

    def note(self, octets: bytes) -> None:
        index = int.from_bytes(octets[:INDEX], "big")
        if index < len(self.times) and self.times[index] < 255:
            self.times[index] += 1
        else:
            self.strange += 1


def _send(association: Association, job: Stream, origin, arrivals: _Arrivals, result: dict) -> None:
    window = Window(association.protection.sent.last, job.width)
    due, sent, repeats, old = bytearray(job.count), 0, 0, 0
    last, stalls = None, 0
    for index, number, octets in _network(association, job, job.endpoint(origin)):
        verdict = window.judge(number)
        if verdict == "fresh":
            due[index], last = 1, index
        old += verdict == "old"
        repeats += verdict == "repeated"
        window.note(number)
        association.send(octets)
        sent += 1
        if sent % AHEAD == 0 and last is not None:
            awaited = last
            if not origin.wait(lambda _: arrivals.times[awaited], Deadline(job.patience)):  # noqa: B023
                stalls += 1
                if stalls > COMPLAINTS:
                    break
    if last is not None:
        origin.wait(lambda _: arrivals.times[last], Deadline(job.patience))
    missing = [index for index in range(job.count) if due[index] and not arrivals.times[index]]
    twice = [index for index in range(job.count) if arrivals.times[index] > 1]
    unasked = association.receive(Deadline(0))
    result.update(sent=sent, due=sum(due), repeats=repeats, too_old=old, delivered=sum(map(bool, arrivals.times)),
                  missing=len(missing), twice=len(twice), strange=arrivals.strange, stalls=stalls,
                  first_missing=missing[:5], first_twice=twice[:5])
    result["ok"] = not missing and not twice and not arrivals.strange and not stalls and unasked is None


def _network(association: Association, job: Stream, endpoint: socks.Endpoint) -> Iterator[tuple[int, int, bytes]]:
    """Index, number and octets of what arrives, in its order. The last one is never lost, and comes behind all others:
    when it has come out, the gateway has read everything."""
    chance = random.Random(job.seed)
    final = job.count - 1
    gaps = set(chance.sample(range(final), min(job.gaps, final)))
    padding = b"." * max(0, job.size - INDEX)
    waiting: list[tuple[int, int, int, bytes]] = []
    for index in range(final):
        if index in gaps:
            for _ in range(chance.randint(1, job.gap)):
                association.datagrams.wrap(b"")
        octets = association.datagram(endpoint, index.to_bytes(INDEX, "big") + padding)
        number = TokenHeader.decode(octets[HEADER_LENGTH:]).sequence
        if chance.random() >= job.lost:
            delay = chance.randint(1, job.reorder) if chance.random() < job.displaced else 0
            heapq.heappush(waiting, (index + delay, index, number, octets))
            if chance.random() < job.repeated:
                again = index + delay + chance.choice((0, 1, chance.randint(1, 100), chance.randint(1, job.behind)))
                heapq.heappush(waiting, (again, index, number, octets))
        while waiting and waiting[0][0] <= index:
            yield heapq.heappop(waiting)[1:]
    while waiting:
        yield heapq.heappop(waiting)[1:]
    octets = association.datagram(endpoint, final.to_bytes(INDEX, "big") + padding)
    yield final, TokenHeader.decode(octets[HEADER_LENGTH:]).sequence, octets
