"""The client's end of UDP ASSOCIATE (RFC 1928 section 7, RFC 1961 section 5), and a good session that uses it."""

import select
import socket
import time
from dataclasses import dataclass

from . import client, socks
from .context import ALL_FLAGS, ContextFailure
from .datagram_origins import LARGEST, RECEIVE_BUFFER, DatagramOrigin
from .datagrams import LARGEST_PAYLOAD, DatagramProtection
from .framing import FramingError
from .origins import milliseconds_since
from .protection import ProtectionFailure, Sealing
from .seeded import SeededStream
from .wire import DEADLINE, Deadline, Ended, Wire

# RFC 1961 section 3.3: the sequence flag is for TCP; datagrams come in any order.
DATAGRAM_FLAGS = ALL_FLAGS - {"sequence"}


@dataclass
class DatagramJob(client.Job):
    """`own` is where the process's own target listens (`ipv4`, `ipv6`, `name`), `target` another one. `request` is the
    address that the request tells: `zero`, `own` (the socket's), or HOST:PORT; `relay` replaces the reply's address by
    HOST:PORT, `udp_address` is where the client's socket is bound (default: where the control connection is)."""

    flags: frozenset[str] = DATAGRAM_FLAGS
    own: str = "ipv4"
    target: str | None = None
    request: str = "zero"
    relay: str = ""
    udp_address: str = ""
    sealing: str = "always"

    def origin(self, mode: str = "echo", **settings) -> DatagramOrigin | None:
        if self.target is not None:
            return None
        host = {"ipv4": "127.0.0.1", "ipv6": "::1", "name": "::"}[self.own]
        return DatagramOrigin(host, mode=mode, **settings)

    def endpoint(self, origin: DatagramOrigin | None) -> socks.Endpoint:
        if origin is None:
            return socks.Endpoint.parse(self.target)
        return socks.Endpoint("localhost" if self.own == "name" else origin.host, origin.port)


@dataclass
class Arrival:
    """A datagram that came from the relay and is good."""

    source: socks.Endpoint
    data: bytes
    sealed: bool
    octets: bytes


class Association:
    """An open association: the control connection, the client's UDP socket, and the protection of both."""

    def __init__(self, job: DatagramJob, before_reply=None):
        """`before_reply(self)` is called when the request has been sent and its answer has not been read."""
        deadline = Deadline(job.seconds)
        self.job = job
        self.reply: client.Reply | None = None
        self.wire: Wire = job.connect()
        try:
            self._open(deadline, before_reply)
        except BaseException:
            self.close()
            raise

    udp: socket.socket | None = None

    def _open(self, deadline: Deadline, before_reply) -> None:
        local = self.wire.socket.getsockname()[0]
        self.udp = bound_socket(self.job.udp_address or local)
        initiator, self.protection = client.established(self.wire, self.job, deadline)
        self.establishment = initiator.establishment
        self.agreement = client.agree(self.wire, self.protection, self.job.level, deadline)
        self.level = self.agreement.level
        self._sealing = Sealing(self.level, self.job.sealing)
        self.request_token = client.send_request(
            self.wire, self.protection, self.level, socks.request(self._requested(), socks.UDP_ASSOCIATE))
        if before_reply:
            before_reply(self)
        self.reply = client.read_reply(self.wire, self.protection, self.level, deadline)
        if self.reply.code != socks.SUCCEEDED:
            raise client.Refused(f"reply {self.reply.code:#04x}")
        relay = socks.Endpoint.parse(self.job.relay) if self.job.relay else self.reply.bound
        self.relay = (relay.host, relay.port)
        self.datagrams = DatagramProtection(self.protection, self.level)

    @property
    def local(self) -> socks.Endpoint:
        return socks.Endpoint.of(self.udp.getsockname())

    def _requested(self) -> socks.Endpoint:
        if self.job.request == "own":
            return self.local
        if self.job.request == "zero":
            return socks.Endpoint("::" if ":" in self.local.host else "0.0.0.0", 0)
        return socks.Endpoint.parse(self.job.request)

    def datagram(self, endpoint: socks.Endpoint, data: bytes, sealed: bool | None = None) -> bytes:
        """A good datagram with the next number."""
        sealed = self._sealing.next() if sealed is None else sealed
        return self.datagrams.wrap(socks.datagram_header(endpoint) + data, sealed)

    def largest_data(self, endpoint: socks.Endpoint) -> int:
        payload = LARGEST_PAYLOAD[6 if ":" in self.relay[0] else 4]
        return self.datagrams.largest_plaintext(payload) - len(socks.datagram_header(endpoint))

    def send(self, octets: bytes, sock: socket.socket | None = None) -> None:
        """Sends octets to the relay as they are. A relay that is gone shows at the next receive."""
        try:
            (sock or self.udp).sendto(octets, self.relay)
        except ConnectionRefusedError:
            pass

    def receive(self, deadline: Deadline) -> Arrival | None:
        """The next good datagram, or None at the deadline. Raises for one that is not good."""
        octets = receive(self.udp, self.relay, deadline)
        if octets is None:
            return None
        plaintext, sealed = self.datagrams.unwrap(octets)
        fragment, source, data = socks.decode_datagram(plaintext)
        if fragment:
            raise socks.SOCKSError(f"a fragment ({fragment:#04x})")
        return Arrival(source, data, sealed, octets)

    def gone_after(self, patience: float = 5) -> int | None:
        """Milliseconds until nothing listens at the relay's port any more; None when something does all the time."""
        start, deadline = time.monotonic(), Deadline(patience)
        with bound_socket(self.udp.getsockname()[0]) as probe:
            probe.connect(self.relay)
            poll = select.poll()
            poll.register(probe, select.POLLIN)
            while deadline.left:
                try:
                    probe.send(b"")
                    poll.poll(1)
                    probe.recv(1, socket.MSG_DONTWAIT)
                except ConnectionRefusedError:
                    return milliseconds_since(start)
                except BlockingIOError:
                    pass
        return None

    def ended(self, deadline: Deadline) -> tuple[bytes, str]:
        """What still comes on the control connection, and how it ends."""
        return self.wire.to_the_end(deadline)

    def close(self) -> None:
        self.wire.close()
        if self.udp is not None:
            self.udp.close()


def bound_socket(host: str, port: int = 0) -> socket.socket:
    """A UDP socket at an address of this machine."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    sock.bind((host, port))
    return sock


def receive(sock: socket.socket, source: tuple, deadline: Deadline) -> bytes | None:
    """The next datagram from `source`; from elsewhere none may come."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    if not poll.poll(deadline.left * 1000):
        return None
    octets, sender = sock.recvfrom(LARGEST)
    if socks.Endpoint.of(sender) != socks.Endpoint(*source):
        raise FramingError(f"a datagram from {sender[:2]}, not from the relay")
    return octets


# --- Good associations -----------------------------------------------------------------------------------------------


@dataclass
class Associate(DatagramJob):
    """`count` datagrams of `size` octets (-1: the largest that fits), one after the other, each answered before the
    next. `answer` octets are asked for (-1: an echo)."""

    count: int = 10
    size: int = 24
    answer: int = -1
    patience: float = 10
    expect_answer: bool = True


def run(job: Associate) -> dict:
    """One association; the result is the JSON line of `peer_client.py associate`."""
    result: dict = {"ok": False, "level_asked": job.level}
    start = time.monotonic()
    origin = association = None
    try:
        origin = job.origin()
        association = Association(job)
        result["client_port"] = association.wire.local_port
        _exchange(association, job, origin, result)
    except client.Refused as refusal:
        result["refused"] = str(refusal)
    except Ended as end:
        result["ended"] = end.how
    except (FramingError, ProtectionFailure, ContextFailure, socks.SOCKSError, OSError) as error:
        result["error"] = f"{type(error).__name__}: {error}"
    finally:
        result["ms"] = milliseconds_since(start)
        if association is not None:
            association.close()
        if origin is not None:
            origin.close()
    return result


def _exchange(association: Association, job: Associate, origin: DatagramOrigin | None, result: dict) -> None:
    about, reply = association.establishment, association.reply
    result.update(flags=sorted(about.flags), mechanism=about.mechanism, level=association.level, reply=reply.code,
                  bound=str(reply.bound), reply_tokens=reply.tokens, reply_sealed=reply.sealed, early=len(reply.early))
    endpoint = job.endpoint(origin)
    size = association.largest_data(endpoint) if job.size < 0 else job.size
    result.update(size=size, answered=0, answer_size=None, sources=[])
    front = f"answer:{job.answer}:".encode() if job.answer >= 0 else b""
    stream = SeededStream("datagrams", job.count * size + 1)
    for _ in range(job.count):
        data = (front + stream.read(size))[: max(size, len(front))]
        association.send(association.datagram(endpoint, data))
        arrival = association.receive(Deadline(job.patience if job.expect_answer else 0.3))
        if arrival is None:
            break
        due = data if job.answer < 0 else data.ljust(job.answer, b".")[: job.answer]
        if arrival.data != due:
            raise FramingError(f"an answer of {len(arrival.data)} octets that is not the one due")
        result["answered"] += 1
        result["answer_size"] = len(arrival.data)
        if str(arrival.source) not in result["sources"]:
            result["sources"].append(str(arrival.source))
    result["sent"], result["received"] = association.datagrams.sent.report(), association.datagrams.received.report()
    if origin is not None:
        result["origin"] = {"received": origin.received, "sources": [f"{one[0]}:{one[1]}" for one in origin.sources()]}
    association.wire.half_close()
    stray, result["end"] = association.ended(Deadline(job.patience))
    result["stray_octets"] = len(stray)
    result["gone_ms"] = association.gone_after()
    result["ok"] = (result["answered"] == (job.count if job.expect_answer else 0) and result["end"] != DEADLINE
                    and not stray and result["gone_ms"] is not None and not result["early"]
                    and _is_right_source(result["sources"], endpoint))


def _is_right_source(sources: list[str], endpoint: socks.Endpoint) -> bool:
    """An answer says where it comes from: from the target, at one of its addresses."""
    hosts = {endpoint.host, "127.0.0.1", "::1"} if endpoint.kind == "name" else {endpoint.host}
    return all(socks.Endpoint.parse(one).host in hosts and socks.Endpoint.parse(one).port == endpoint.port
               for one in sources)
