"""One datagram is one RFC 1961 message, `01 03 len token`, and nothing else. Numbers come in any order."""

import threading

import gssapi.raw as gss

from .framing import ENCAPSULATED, HEADER_LENGTH, VERSION, FramingError, frame
from .protection import LEVEL_CONFIDENTIALITY, Protection, ProtectionFailure, Tally, TokenHeader

LARGEST_PAYLOAD = {4: 65507, 6: 65527}
WINDOW = 1024


class Repeated(ProtectionFailure):
    """A number that was seen before."""


class TooOld(ProtectionFailure):
    """A number that the window no longer covers."""


def unframe(datagram: bytes) -> bytes:
    """The token of a datagram."""
    if len(datagram) <= HEADER_LENGTH:
        raise FramingError(f"a datagram of {len(datagram)} octets")
    if datagram[0] != VERSION or datagram[1] != ENCAPSULATED:
        raise FramingError(f"a datagram that begins with {datagram[:2].hex()}")
    if HEADER_LENGTH + int.from_bytes(datagram[2:4], "big") != len(datagram):
        raise FramingError("a length that is not the datagram's")
    return datagram[HEADER_LENGTH:]


class Window:
    """Which numbers have been seen. What lies more than `width` below the highest one counts as old; so does all up to
    the number of the control connection's last token."""

    def __init__(self, last: int, width: int = WINDOW):
        self._width = width
        self._floor = last
        self.highest = last
        self._seen: set[int] = set()

    def judge(self, number: int) -> str:
        """`fresh`, `repeated` or `old`; changes nothing."""
        if number in self._seen or number == self._floor:
            return "repeated"
        return "fresh" if number > max(self._floor, self.highest - self._width) else "old"

    def note(self, number: int) -> None:
        self._seen.add(number)
        if number > self.highest:
            self.highest = number
        if len(self._seen) > 4 * self._width:
            self._seen = {one for one in self._seen if one > self.highest - self._width}


class DatagramProtection:
    """Wraps and unwraps datagrams in the context of the control connection.

    The library's own window is 64 wide and wrong after gaps: where it calls a token old or repeated, a copy of the
    context as it was before the first datagram unwraps it, and the window here decides."""

    def __init__(self, protection: Protection, level: int, width: int = WINDOW, careless: bool = False):
        """`careless` accepts any number, as some real peers do."""
        self.level = level
        self._protection = protection
        self._copy = protection.copied()
        self._lock = threading.Lock()
        self._careless = careless
        self.window = Window(protection.received.last, width)
        self.sent = Tally()
        self.received = Tally()

    def wrap(self, plaintext: bytes, sealed: bool | None = None) -> bytes:
        """The framed datagram. Without `sealed` as the level asks; at level 3 all is sealed."""
        sealed = self.level != 1 if sealed is None else sealed
        token = self._protection.wrap(plaintext, sealed)
        self.sent.note(token, sealed, len(plaintext), None)
        return frame(ENCAPSULATED, token)

    def mic(self, octets: bytes) -> bytes:
        return self._protection.mic(octets)

    def unwrap(self, datagram: bytes) -> tuple[bytes, bool]:
        """Plaintext and confidentiality state of one whole datagram that is good and fresh."""
        token = unframe(datagram)
        header = TokenHeader.decode(token)
        if header.sent_by_acceptor == self._protection.is_acceptor:
            raise ProtectionFailure("a token of our own")
        try:
            plaintext, sealed = self._protection.unwrapped(token)
        except (gss.DuplicateTokenError, gss.ExpiredTokenError, gss.TokenTooLateError, gss.TokenOutOfSequenceError,
                gss.TokenTooEarlyError):
            plaintext, sealed = self._unwrapped_by_copy(token)
        except gss.GSSError as error:
            raise ProtectionFailure(f"gss_unwrap: {type(error).__name__} {error.maj_code:#x}") from error
        if self.level == LEVEL_CONFIDENTIALITY and not sealed:
            raise ProtectionFailure("not sealed at level 2")
        with self._lock:
            verdict = self.window.judge(header.sequence)
            if not self._careless and verdict != "fresh":
                raise (Repeated if verdict == "repeated" else TooOld)(f"number {header.sequence} is {verdict}")
            self.window.note(header.sequence)
            self.received.note(token, sealed, len(plaintext), None)
        return plaintext, sealed

    def largest_plaintext(self, payload: int) -> int:
        """The most that fits into a datagram of `payload` octets."""
        return self._protection.largest_plaintext(self.level != 1, min(payload - HEADER_LENGTH, 0xFFFF))

    def _unwrapped_by_copy(self, token: bytes) -> tuple[bytes, bool]:
        try:
            result = gss.unwrap(gss.import_sec_context(self._copy), bytes(bytearray(token)))
        except gss.GSSError as error:
            raise ProtectionFailure(f"gss_unwrap: {type(error).__name__} {error.maj_code:#x}") from error
        return result.message, bool(result.encrypted)
