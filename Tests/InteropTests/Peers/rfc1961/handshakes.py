"""How long whole handshakes take, one after the other: from the connect to the reply."""

import time
from dataclasses import dataclass, field

from . import client, socks
from .wire import Deadline, Ended


@dataclass
class Handshakes(client.Job):
    target: str = "127.0.0.1:9"
    count: int = 100
    pause: float = 0.0
    # The replies that count: by default, nobody needs to listen at the target.
    replies: list[int] = field(default_factory=lambda: [0, 5])


def run(job: Handshakes) -> dict:
    lasted, failed = [], []
    for _ in range(job.count):
        start = time.monotonic()
        try:
            _once(job)
            lasted.append(1000 * (time.monotonic() - start))
        except (OSError, client.Refused, Ended) as error:
            failed.append(f"{type(error).__name__}: {error}")
        time.sleep(job.pause)
    lasted.sort()
    at = lambda share: lasted[min(len(lasted) - 1, int(share * len(lasted)))] if lasted else 0  # noqa: E731
    return {"ok": not failed, "count": len(lasted), "failed": failed[:5], "p50": at(0.5), "p99": at(0.99), "max": at(1)}


def _once(job: Handshakes) -> None:
    deadline = Deadline(job.seconds)
    wire = job.connect()
    try:
        _, protection = client.established(wire, job, deadline)
        level = client.agree(wire, protection, job.level, deadline).level
        client.send_request(wire, protection, level, _request(job.target))
        reply = client.read_reply(wire, protection, level, deadline)
        if reply.code not in job.replies:
            raise client.Refused(f"reply {reply.code}")
    finally:
        wire.close()


def _request(target: str) -> bytes:
    host, _, port = target.rpartition(":")
    return bytes([socks.VERSION, 1, 0, 1, *map(int, host.split(".")), *int(port).to_bytes(2, "big")])
