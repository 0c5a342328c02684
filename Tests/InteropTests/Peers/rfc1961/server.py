"""An RFC 1961 server (CONNECT, BIND, UDP ASSOCIATE), one connection a thread. Strict unless told to misbehave."""

import select
import socket
import time
from dataclasses import dataclass, field

from . import datagram_faults, faults, socks
from .context import Acceptor, ContextFailure
from .datagram_relay import DatagramRelay
from .framing import ABORT, ABORT_MESSAGE, AUTHENTICATION, ENCAPSULATED, PROTECTION_LEVEL, FramingError, frame
from .origins import milliseconds_since
from .protection import Protection, ProtectionFailure
from .relay import EMPTY_MESSAGES_LIMIT, Relay
from .wire import DEADLINE, Deadline, Ended, Wire

AES = (17, 18, 19, 20)
STAGES = ("method", "auth", "level", "reply", "data")
STAGE_FAULTS = {
    "abort": "01 ff, then close", "abort-open": "01 ff, connection kept open", "close": "close without an octet",
    "reset": "RST", "stall": "nothing, connection kept open", "version-5": "the answer with version 5 in its header",
    "version-2": "the answer with version 2 in its header", "type-0": "the answer with message type 0",
    "type-1": "the answer as type 1", "type-2": "the answer as type 2", "type-3": "the answer as type 3",
    "tampered": "the last octet of the token altered", "garbage": "100 octets of 0xaa as token",
    "zero-length": "a token of zero length", "announced": "a header that announces 65,535 octets, nothing behind",
    "longer": "a length one larger than the token, nothing behind", "truncated": "the token without its last octet",
    "fin-inside": "half of the message, then FIN", "twice": "the answer twice", "octets": "the answer octet by octet",
}
LEVEL_FAULTS = ("unwrapped", "two-octets", "no-octets", "reflected", "sealed")
REPLY_FAULTS = ("clear", "clear-framed", "integrity-only", "split", "with-data", "then-close", "empties", "version",
                "wrong-atyp", "skipped-number")


@dataclass
class Policy:
    """What the server requires and, for tests, where it misbehaves (`fault` is `NAME@STAGE`) or which checks it
    leaves out (`careless`: `sequence`, `seal`, `empties`, `reset`, `abort`; of datagrams `window`, `source`, `fragment`,
    `inject`, `outlive`; of BIND `peer`, `listener`). `advertise` is the address that BIND and UDP ASSOCIATE tell in
    place of the one the connection came to."""

    required: frozenset[str] = frozenset({"mutual", "replay", "integ"})
    levels: tuple[int, ...] = (1, 2, 3)
    level_answer: int | None = None
    method_answer: int | None = None
    reply_code: int | None = None
    seconds: float = 30
    chunk: int = 0
    segment: str = "whole"
    sealing: str = "alternate"
    target: str = "dial"
    fault: str = ""
    careless: tuple[str, ...] = ()
    position: str = "first"
    size: int = 24
    octet: int = 20
    bit: int = 0
    at: int = 0
    count: int = 1500
    patience: float = 10
    commands: tuple[int, ...] = (socks.CONNECT, socks.BIND, socks.UDP_ASSOCIATE)
    bind_seconds: float = 5
    advertise: str = ""

    def __post_init__(self):
        self.commands = tuple(self.commands)
        self.required = frozenset(self.required)
        self.levels = tuple(self.levels)
        self.careless = tuple(self.careless)
        if self.target not in ("dial", "messages"):
            raise ValueError(f"unknown target {self.target}")
        if self.fault and self.fault not in fault_names() + bind_fault_names() + datagram_fault_names():
            raise ValueError(f"unknown fault {self.fault}")

    def at_stage(self, stage: str) -> str | None:
        name, _, where = self.fault.partition("@")
        return name if where == stage else None


def fault_names() -> list[str]:
    """The names that `Policy.fault` may have for every command, and for the stream of CONNECT."""
    names = [f"{name}@{stage}" for stage in STAGES[1:4] for name in STAGE_FAULTS]
    names += [f"{name}@method" for name in ("abort", "close", "reset", "stall", "octets", "twice")]
    names += [f"{name}@level" for name in LEVEL_FAULTS] + [f"{name}@reply" for name in REPLY_FAULTS]
    data = (*faults.FAULTS, "abort", "close", "reset", "stall")
    return names + [f"{name}@data" for name in data if name != "foreign"]


def bind_fault_names() -> list[str]:
    """Those of the second reply of BIND."""
    return [f"{name}@second" for name in (*STAGE_FAULTS, *REPLY_FAULTS)]


def datagram_fault_names() -> list[str]:
    """Those of the datagrams towards the client; the good one comes after the shots of the fault."""
    return [f"{name}@datagram" for name in datagram_faults.FAULTS if name != "foreign"]


class Refusal(Exception):
    """The connection ends here; `answer` is sent first."""

    def __init__(self, reason: str, answer: bytes = b""):
        super().__init__(reason)
        self.answer = answer


class Misbehaved(Exception):
    """The fault has been committed: from here on the client is only watched."""


@dataclass
class Session:
    """One connection. `run` returns the report."""

    wire: Wire
    credentials: object
    policy: Policy
    rounds: int = 1
    report: dict = field(default_factory=dict)

    def run(self) -> dict:
        self._deadline = Deadline(self.policy.seconds)
        start = time.monotonic()
        self.report["stage"] = "method"
        try:
            self._choose_method()
            protection, level = self._establish()
            self._serve(protection, level)
            self.report.setdefault("reason", "end")
        except Misbehaved:
            self._watch()
        except Refusal as refusal:
            self.report["reason"] = str(refusal)
            self.report["answered_hex"] = refusal.answer.hex()
            self.wire.refuse(b"" if "abort" in self.policy.careless else refusal.answer)
        except OSError as error:
            self.report["reason"] = f"{type(error).__name__}"
        finally:
            self.wire.close()
        self.report["ms"] = milliseconds_since(start)
        return self.report

    # --- Negotiation

    def _choose_method(self) -> None:
        try:
            version, count = self.wire.exactly(2, self._deadline)
            if version != socks.VERSION or count == 0:
                raise Refusal("not a SOCKS5 greeting")
            methods = self.wire.exactly(count, self._deadline)
        except Ended as end:
            raise Refusal(f"{end.how} in the greeting") from None
        self.report["methods"] = methods.hex()
        chosen = socks.METHOD_GSSAPI if socks.METHOD_GSSAPI in methods else socks.METHOD_UNACCEPTABLE
        if self._misbehave("method", bytes([socks.VERSION, chosen])):
            return
        if self.policy.method_answer is not None:
            self.wire.send(bytes([socks.VERSION, self.policy.method_answer]))
            raise Misbehaved
        if chosen == socks.METHOD_UNACCEPTABLE:
            raise Refusal("no acceptable method", bytes([socks.VERSION, socks.METHOD_UNACCEPTABLE]))
        self.wire.send(bytes([socks.VERSION, chosen]))

    def _message(self, type: int, answer: bytes, deadline: Deadline | None = None) -> bytes:
        try:
            message = self.wire.message(deadline or self._deadline)
        except Ended as end:
            raise Refusal(f"{end.how} in the negotiation", answer if end.how == DEADLINE else b"") from None
        except FramingError as error:
            raise Refusal(str(error), answer) from None
        if message.type != type:
            raise Refusal(f"message type {message.type:#04x}", b"" if message.type == ABORT else answer)
        return message.token

    def _establish(self) -> tuple[Protection, int]:
        self.report["stage"] = "auth"
        acceptor, rounds = Acceptor(self.credentials), 0
        while not acceptor.complete:
            token = self._message(AUTHENTICATION, ABORT_MESSAGE)
            rounds += 1
            if not token:
                raise Refusal("empty token", ABORT_MESSAGE)
            try:
                answer = acceptor.step(token)
            except ContextFailure as failure:
                raise Refusal(str(failure), ABORT_MESSAGE) from None
            # Kerberos needs one token. The library asks for more after some tokens that are wrong, with none to send.
            if not acceptor.complete and (not answer or rounds >= self.rounds):
                raise Refusal("one round more than allowed", ABORT_MESSAGE)
            if acceptor.complete:
                self._check(acceptor.establishment)
            # With no output token a message of zero length says that the server is ready (section 3.6).
            self._answer("auth", AUTHENTICATION, answer)
        self.report["stage"] = "level"
        protection = Protection(acceptor.establishment.context, True, "sequence" in self.policy.careless)
        return protection, self._agree(protection, acceptor.establishment)

    def _check(self, about) -> None:
        self.report.update(peer=about.peer, flags=sorted(about.flags), mechanism=about.mechanism,
                           enctype=about.enctype)
        missing = self.policy.required - about.flags
        if missing:
            raise Refusal(f"flags not granted: {' '.join(sorted(missing))}", ABORT_MESSAGE)
        if about.enctype not in AES:
            raise Refusal(f"session key of type {about.enctype}", ABORT_MESSAGE)

    def _agree(self, protection: Protection, about) -> int:
        token = self._message(PROTECTION_LEVEL, ABORT_MESSAGE)
        try:
            octets, sealed = protection.unwrap(token)
        except ProtectionFailure as failure:
            raise Refusal(str(failure), ABORT_MESSAGE) from None
        if len(octets) != 1 or octets[0] not in (1, 2, 3):
            raise Refusal(f"level message {octets[:8].hex()}", ABORT_MESSAGE)
        asked = octets[0]
        self.report.update(level_asked=asked, level_sealed=sealed)
        allowed = [level for level in self.policy.levels if level == 1 or "conf" in about.flags]
        answer = next((level for level in {1: (1, 2), 2: (2,), 3: (3, 2)}[asked] if level in allowed), None)
        if answer is None:
            raise Refusal(f"level {asked} is not allowed", ABORT_MESSAGE)
        told = answer if self.policy.level_answer is None else self.policy.level_answer
        self._answer("level", PROTECTION_LEVEL, self._level_token(protection, told, token))
        self.report["level"] = told
        protection.start_of_encapsulation()
        if told not in (1, 2, 3):
            raise Misbehaved
        return told

    def _level_token(self, protection: Protection, level: int, received: bytes) -> bytes:
        fault = self.policy.at_stage("level")
        self._wrong_content = fault in LEVEL_FAULTS and fault != "sealed"
        if fault == "unwrapped":
            return bytes([level])
        if fault == "reflected":
            return received
        octets = {"two-octets": bytes([level, level]), "no-octets": b""}.get(fault, bytes([level]))
        return protection.wrap(octets, sealed=fault == "sealed")

    _wrong_content = False
    request_token = b""

    # --- Request, reply, relay

    def _serve(self, protection: Protection, level: int) -> None:
        self.report["stage"] = "request"
        command, endpoint, early, refused = self._request(protection, level)
        self.report["stage"] = "reply"
        code = refused if self.policy.reply_code is None else self.policy.reply_code
        if code not in (None, socks.SUCCEEDED):
            self._refuse(protection, level, code)
        elif command == socks.BIND:
            self._serve_bind(protection, level, endpoint, early)
        elif command == socks.UDP_ASSOCIATE:
            self._serve_datagrams(protection, level, endpoint, early)
        else:
            self._serve_connect(protection, level, endpoint, early)

    def _refuse(self, protection: Protection, level: int, code: int, stage: str = "reply") -> None:
        self.report["reply" if stage == "reply" else "second_reply"] = code
        self._reply(protection, level, code, socks.Endpoint("0.0.0.0", 0), stage)
        raise Refusal(f"reply {code:#04x}")

    def _serve_connect(self, protection: Protection, level: int, endpoint: socks.Endpoint, early: bytes) -> None:
        target, code = None, socks.SUCCEEDED
        if self.policy.target == "dial":
            target, code = _dial(endpoint, self._deadline)
        if code != socks.SUCCEEDED:
            self._refuse(protection, level, code)
        try:
            self._relay(protection, level, target, early)
        finally:
            if target is not None:
                target.close()

    def _relay(self, protection: Protection, level: int, target: Wire | None, early: bytes) -> None:
        bound = socks.Endpoint.of(target.socket.getsockname()) if target else socks.Endpoint("127.0.0.1", 1)
        self.report["reply"] = socks.SUCCEEDED
        self._run_relay(protection, level, target, early, self._reply(protection, level, socks.SUCCEEDED, bound))

    def _run_relay(self, protection, level: int, target: Wire | None, early: bytes, reply_token: bytes) -> None:
        self.report["stage"] = "data"
        failure = Relay(self, protection, level, target, early, reply_token).run()
        if failure:
            raise Refusal(failure)

    # --- BIND: two replies

    _left_open: socket.socket | None = None

    def _serve_bind(self, protection: Protection, level: int, endpoint: socks.Endpoint, early: bytes) -> None:
        host = self.wire.socket.getsockname()[0]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, 0), family=family, backlog=8) as listener:
            bound = socks.Endpoint(self.policy.advertise or socks.Endpoint.of(listener.getsockname()).host,
                                   listener.getsockname()[1])
            self.report.update(reply=socks.SUCCEEDED, bound=str(bound))
            self._reply(protection, level, socks.SUCCEEDED, bound)
            self.report["stage"] = "second"
            peer, code = self._awaited(listener, endpoint)
            if "listener" in self.policy.careless:
                self._left_open = listener.dup()
        if peer is None:
            self._refuse(protection, level, code, "second")
        try:
            self.report["second_reply"] = socks.SUCCEEDED
            source = socks.Endpoint.of(peer.socket.getpeername())
            token = self._reply(protection, level, socks.SUCCEEDED, source, "second")
            self._run_relay(protection, level, peer, early, token)
        finally:
            peer.close()

    def _awaited(self, listener: socket.socket, expected: socks.Endpoint) -> tuple[Wire | None, int]:
        """The one whom the client waits for. Others are turned away; so is everybody when the client goes."""
        poll = select.poll()
        for one in (listener, self.wire.socket):
            poll.register(one, select.POLLIN)
        deadline = Deadline(self.policy.bind_seconds)
        turned_away = self.report["turned_away"] = []
        while deadline.left:
            ready = {descriptor for descriptor, _ in poll.poll(deadline.left * 1000)}
            if self.wire.socket.fileno() in ready:
                raise Refusal("the client went, or spoke, before the second reply")
            if listener.fileno() not in ready:
                continue
            sock, address = listener.accept()
            source = socks.Endpoint.of(address)
            anybody = expected.is_unspecified or "peer" in self.policy.careless
            if anybody or source.host == expected.host and expected.port in (0, source.port):
                return Wire(sock), socks.SUCCEEDED
            turned_away.append(str(source))
            Wire(sock).reset()
        return None, socks.TTL_EXPIRED

    # --- UDP ASSOCIATE

    def _serve_datagrams(self, protection: Protection, level: int, endpoint: socks.Endpoint, early: bytes) -> None:
        relay = DatagramRelay(self, protection, level, endpoint)
        try:
            bound = socks.Endpoint(self.policy.advertise or relay.bound.host, relay.bound.port)
            self.report.update(reply=socks.SUCCEEDED, bound=str(bound))
            token = self._reply(protection, level, socks.SUCCEEDED, bound)
            self.report["stage"] = "data"
            failure = "octets behind the request" if early else relay.run(token)
        finally:
            relay.close()
        if failure:
            raise Refusal(failure)

    def _request(self, protection: Protection, level: int) -> tuple:
        """Command, endpoint, what came behind the request, and the reply where it cannot be granted."""
        octets, empties = b"", 0
        while True:
            token = self.request_token = self._message(ENCAPSULATED, b"")
            try:
                plaintext, _ = protection.unwrap(token, level)
            except ProtectionFailure as failure:
                raise Refusal(str(failure)) from None
            empties = 0 if plaintext else empties + 1
            if empties > EMPTY_MESSAGES_LIMIT:
                raise Refusal("too many empty messages")
            octets += plaintext
            try:
                decoded = socks.decode_request(octets)
            except socks.SOCKSError as error:
                if error.code is None:
                    raise Refusal(str(error)) from None
                return 0, None, b"", error.code
            if decoded is None:
                continue
            command, endpoint, length = decoded
            self.report.update(command=command, target=f"{endpoint.host}:{endpoint.port}", target_kind=endpoint.kind,
                               request_tokens=protection.received.tokens, early=len(octets) - length)
            granted = command in self.policy.commands
            return command, endpoint, octets[length:], None if granted else socks.COMMAND_NOT_SUPPORTED

    def _reply(self, protection: Protection, level: int, code: int, bound: socks.Endpoint,
               stage: str = "reply") -> bytes:
        fault = self.policy.at_stage(stage)
        octets, sealed = socks.reply(code, bound), level != 1
        wrap = lambda plaintext, state=sealed: frame(ENCAPSULATED, protection.wrap(plaintext, state))  # noqa: E731
        if fault not in REPLY_FAULTS:
            token = protection.wrap(octets, sealed)
            self._answer(stage, ENCAPSULATED, token)
            return token
        if fault == "split":
            sent = b"".join(wrap(octets[at : at + 3]) for at in range(0, len(octets), 3))
        elif fault == "with-data":
            sent = wrap(octets + b"early")
        elif fault == "empties":
            sent = b"".join(wrap(b"") for _ in range(self.policy.count))
        elif fault == "skipped-number":
            wrap(b"lost")
            sent = wrap(octets)
        else:
            wrong_atyp = octets[:3] + b"\x05" + octets[4:]
            sent = {"clear": lambda: octets, "clear-framed": lambda: frame(ENCAPSULATED, octets),
                    "integrity-only": lambda: wrap(octets, False), "then-close": lambda: wrap(octets),
                    "version": lambda: wrap(b"\x04" + octets[1:]), "wrong-atyp": lambda: wrap(wrong_atyp)}[fault]()
        self.wire.send(sent)
        if fault == "then-close":
            self.wire.half_close()
        if fault in ("split", "with-data"):
            return b""
        raise Misbehaved

    # --- Misbehaviour

    def _answer(self, stage: str, type: int, token: bytes) -> None:
        if not self._misbehave(stage, frame(type, token)):
            self.wire.send(frame(type, token))
        if self._wrong_content:
            raise Misbehaved

    def _misbehave(self, stage: str, answer: bytes) -> bool:
        """Commits the fault of this stage, if there is one. True when the answer itself has been sent."""
        fault = self.policy.at_stage(stage)
        if fault not in STAGE_FAULTS:
            return False
        token = answer[4:]
        if fault == "octets":
            # Legal: the caller goes on as if it had sent the answer.
            for octet in answer:
                self.wire.send(bytes([octet]))
            return True
        if fault == "abort":
            raise Refusal("misbehaviour", ABORT_MESSAGE)
        if fault == "close":
            raise Refusal("misbehaviour")
        if fault == "reset":
            self.report["reason"] = "misbehaviour"
            self.wire.reset()
            raise OSError("reset on purpose")
        sent = {
            "abort-open": ABORT_MESSAGE, "stall": b"", "version-5": b"\x05" + answer[1:],
            "version-2": b"\x02" + answer[1:], "type-0": answer[:1] + b"\x00" + answer[2:],
            "type-1": answer[:1] + b"\x01" + answer[2:], "type-2": answer[:1] + b"\x02" + answer[2:],
            "type-3": answer[:1] + b"\x03" + answer[2:], "tampered": answer[:-1] + bytes([answer[-1] ^ 1]),
            "garbage": frame(answer[1], b"\xaa" * 100), "zero-length": frame(answer[1], b""),
            "announced": frame(answer[1], b"", length=65535),
            "longer": frame(answer[1], token, length=min(65535, len(token) + 1)),
            "truncated": frame(answer[1], token[:-1]), "fin-inside": answer[: len(answer) // 2], "twice": answer * 2,
        }[fault]
        self.wire.send(sent)
        if fault == "fin-inside":
            self.wire.half_close()
        raise Misbehaved

    def _watch(self) -> None:
        """What the client does after the fault."""
        self.report["reason"] = "misbehaviour"
        start = time.monotonic()
        octets, end = self.wire.to_the_end(Deadline(self.policy.patience))
        self.report["after_fault"] = {"octets": len(octets), "hex": octets[:64].hex(), "end": end,
                                      "ms": milliseconds_since(start)}


def _dial(endpoint: socks.Endpoint, deadline: Deadline) -> tuple[Wire | None, int]:
    """Every address of the target; a refusal says more than any other failure."""
    try:
        addresses = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except OSError:
        return None, socks.HOST_UNREACHABLE
    code = socks.HOST_UNREACHABLE
    for family, kind, protocol, _, address in addresses:
        sock = socket.socket(family, kind, protocol)
        sock.settimeout(max(0.1, min(10.0, deadline.left)))
        try:
            sock.connect(address)
            return Wire(sock), socks.SUCCEEDED
        except ConnectionRefusedError:
            code = socks.CONNECTION_REFUSED
        except OSError:
            pass
        sock.close()
    return None, code
