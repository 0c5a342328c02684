"""The server's end of UDP ASSOCIATE: strict, or with shots of a fault in front of every datagram to the client."""

import select
import socket
import threading

from . import datagram_faults, socks
from .datagram_faults import OTHER_ADDRESS, OTHER_PORT, DatagramScript, Shot
from .datagram_origins import LARGEST, RECEIVE_BUFFER
from .datagrams import LARGEST_PAYLOAD, DatagramProtection, Repeated, TooOld
from .framing import FramingError
from .protection import Protection, ProtectionFailure
from .wire import FIN, Deadline, Ended

WAIT_MS = 20
KEEP = 20000
IDLE = 3600


class DatagramRelay:
    """One association. The control connection is watched in this thread, the datagrams in a second one."""

    def __init__(self, session, protection: Protection, level: int, requested: socks.Endpoint):
        self._session = session
        self._careless = session.policy.careless
        self._protection = protection
        self._level = level
        control = session.wire.socket
        self._client_host = socks.Endpoint.of(control.getpeername()).host
        self._client: tuple | None = None
        # The port asked for counts when it is one of the control connection's own address.
        self._asked = requested.port if requested.host == self._client_host else 0
        self._inward = _socket(socks.Endpoint.of(control.getsockname()).host)
        self.bound = socks.Endpoint.of(self._inward.getsockname())
        self._outward = {family: _socket(host) for family, host in
                         ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"))}
        self._targets: set[socks.Endpoint] = set()
        self._sent: list[bytes] = []
        self._received = b""
        self._closing = False
        self._counts = {"up": 0, "down": 0, "dropped": {}}

    def run(self, reply_token: bytes) -> str | None:
        """Runs until the control connection ends; a reason when that was no plain end."""
        self._control_tokens = (reply_token,)
        self._datagrams = DatagramProtection(self._protection, self._level, careless="window" in self._careless)
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        failure = None
        try:
            octets = self._session.wire.some(Deadline(IDLE))
            failure = f"{len(octets)} octets after the reply"
        except Ended as end:
            failure = None if end.how == FIN else end.how
        if "outlive" in self._careless:
            thread.join(self._session.policy.patience)
        self._closing = True
        thread.join()
        self._session.report.update(datagrams=self._counts, sent=self._datagrams.sent.report(),
                                    received=self._datagrams.received.report())
        return failure

    def close(self) -> None:
        for one in (self._inward, *self._outward.values()):
            one.close()

    def _run(self) -> None:
        poll = select.poll()
        sockets = {one.fileno(): one for one in (self._inward, *self._outward.values())}
        for one in sockets.values():
            poll.register(one, select.POLLIN)
        while not self._closing:
            for descriptor, _ in poll.poll(WAIT_MS):
                try:
                    octets, source = sockets[descriptor].recvfrom(LARGEST)
                    if sockets[descriptor] is self._inward:
                        self._from_client(octets, source)
                    else:
                        self._from_target(octets, socks.Endpoint.of(source))
                except _Dropped as drop:
                    dropped = self._counts["dropped"]
                    dropped[str(drop)] = dropped.get(str(drop), 0) + 1
                except OSError:  # An ICMP error.
                    pass

    def _from_client(self, octets: bytes, source: tuple) -> None:
        place = socks.Endpoint.of(source)
        if "source" not in self._careless:
            known = self._client is None or place == socks.Endpoint.of(self._client)
            if place.host != self._client_host or not known or self._asked not in (0, place.port):
                raise _Dropped("source")
        try:
            plaintext, _ = self._datagrams.unwrap(octets)
            fragment, endpoint, data = socks.decode_datagram(plaintext)
        except FramingError:
            raise _Dropped("framing") from None
        except Repeated:
            raise _Dropped("repeated") from None
        except TooOld:
            raise _Dropped("old") from None
        except ProtectionFailure:
            raise _Dropped("protection") from None
        except (socks.SOCKSError, ValueError):
            raise _Dropped("header") from None
        if fragment and "fragment" not in self._careless:
            raise _Dropped("fragment")
        self._client, self._received = source, octets
        self._to_target(endpoint, data)

    def _to_target(self, endpoint: socks.Endpoint, data: bytes) -> None:
        try:
            family, _, _, _, address = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_DGRAM)[0]
        except OSError:
            raise _Dropped("target") from None
        self._targets.add(socks.Endpoint.of(address))
        self._outward[family].sendto(data, address)
        self._counts["up"] += 1

    def _from_target(self, data: bytes, source: socks.Endpoint) -> None:
        if source not in self._targets and "inject" not in self._careless:
            raise _Dropped("injected")
        plaintext = socks.datagram_header(source) + data
        if len(plaintext) > self._datagrams.largest_plaintext(LARGEST_PAYLOAD[6 if ":" in self.bound.host else 4]):
            raise _Dropped("large")
        fault = self._session.policy.at_stage("datagram")
        if fault:
            for shot in datagram_faults.shots(fault, self._script(source)):
                self._shoot(shot)
        octets = self._datagrams.wrap(plaintext)
        self._sent = (self._sent + [octets])[-KEEP:]
        self._inward.sendto(octets, self._client)
        self._counts["down"] += 1

    # --- Faults

    def _script(self, source: socks.Endpoint) -> DatagramScript:
        policy = self._session.policy
        return DatagramScript(
            self._datagrams, source, lambda count: self._sent[-1 - count] if len(self._sent) > count else None,
            self._received, self._control_tokens, None, policy.octet, policy.bit, policy.at, policy.count)

    def _shoot(self, shot: Shot) -> None:
        host = {OTHER_PORT: self.bound.host, OTHER_ADDRESS: "127.0.0.2"}.get(shot.source)
        if host is None:
            self._inward.sendto(shot.octets, self._client)
        else:
            with _socket(host) as other:
                other.sendto(shot.octets, self._client)
        self._counts["shots"] = self._counts.get("shots", 0) + 1


class _Dropped(Exception):
    """A datagram that goes no further; the text is the reason that is counted."""


def _socket(host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    if host == "::":
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((host, 0))
    return sock
