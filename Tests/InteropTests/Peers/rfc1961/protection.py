"""Per-message protection: gss_wrap and gss_unwrap with everything they say, and the RFC 4121 token header."""

import threading
from dataclasses import dataclass, field

import gssapi.raw as gss

LEVEL_INTEGRITY = 1
LEVEL_CONFIDENTIALITY = 2
LEVEL_SELECTIVE = 3
_HEADER_LENGTH = 16


class ProtectionFailure(Exception):
    """A token that must not be accepted."""


@dataclass(frozen=True)
class TokenHeader:
    """The 16-octet header of an RFC 4121 section 4.2.6.2 Wrap token."""

    sent_by_acceptor: bool
    sealed: bool
    extra_count: int
    rotation: int
    sequence: int

    @staticmethod
    def decode(token: bytes) -> "TokenHeader":
        if len(token) < _HEADER_LENGTH or token[:2] != b"\x05\x04" or token[3] != 0xFF or token[2] & 0xF8:
            raise ProtectionFailure("not an RFC 4121 wrap token")
        return TokenHeader(
            bool(token[2] & 1), bool(token[2] & 2), int.from_bytes(token[4:6], "big"),
            int.from_bytes(token[6:8], "big"), int.from_bytes(token[8:16], "big"))


@dataclass
class Tally:
    """What was seen of the tokens of one direction."""

    tokens: int = 0
    sealed: int = 0
    largest_token: int = 0
    plaintext: int = 0
    consecutive: bool = True
    _last: int | None = field(default=None, repr=False)

    @property
    def last(self) -> int:
        """The number of the last token."""
        return self._last or 0

    def note(self, token: bytes, sealed: bool, plaintext: int, sequence: int | None) -> bool:
        """Counts one token; False when its sequence number is not the one due."""
        in_order = sequence is None or self._last is None or sequence == (self._last + 1) % (1 << 64)
        self._last = sequence
        self.consecutive = self.consecutive and in_order
        self.tokens += 1
        self.sealed += sealed
        self.largest_token = max(self.largest_token, len(token))
        self.plaintext += plaintext
        return in_order

    def start_of_encapsulation(self) -> None:
        """Forgets the level message, whose protection is not that of the level, but not its number."""
        self.tokens = self.sealed = self.largest_token = self.plaintext = 0

    def report(self) -> dict:
        sealing = "all" if self.sealed == self.tokens else "none" if self.sealed == 0 else "mixed"
        return {"tokens": self.tokens, "sealed": sealing if self.tokens else "none",
                "largest_token": self.largest_token, "plaintext": self.plaintext, "consecutive": self.consecutive}


class Protection:
    """An established context. One call at a time: a context is not safe to use from two threads at once."""

    def __init__(self, context, is_acceptor: bool, careless: bool = False):
        """`careless` leaves the sequence to the library, as some real peers do."""
        self._context = context
        self.is_acceptor = is_acceptor
        self._careless = careless
        self._lock = threading.Lock()
        self.sent = Tally()
        self.received = Tally()

    def wrap(self, plaintext: bytes, sealed: bool) -> bytes:
        with self._lock:
            result = gss.wrap(self._context, plaintext, confidential=sealed)
            if bool(result.encrypted) != sealed:
                raise ProtectionFailure("the library did not apply the protection that was asked for")
            header = TokenHeader.decode(result.message)
            self.sent.note(result.message, sealed, len(plaintext), header.sequence)
            return result.message

    def mic(self, octets: bytes) -> bytes:
        """A MIC token, which has no place in RFC 1961."""
        with self._lock:
            return gss.get_mic(self._context, octets)

    def unwrap(self, token: bytes, level: int | None = None) -> tuple[bytes, bool]:
        """Plaintext and confidentiality state. Anything but an exact GSS_S_COMPLETE fails, so do a sequence number
        that is not the next one and, at level 2, a token that is not sealed."""
        header = TokenHeader.decode(token)
        with self._lock:
            try:
                # A private copy: some releases write into the input while they check it.
                result = gss.unwrap(self._context, bytes(bytearray(token)))
            except gss.GSSError as error:
                raise ProtectionFailure(f"gss_unwrap: {type(error).__name__} {error.maj_code:#x}") from error
            sealed = bool(result.encrypted)
            in_order = self.received.note(token, sealed, len(result.message), header.sequence)
        if sealed != header.sealed:
            raise ProtectionFailure("the header and the library disagree about confidentiality")
        if header.sent_by_acceptor == self.is_acceptor:
            raise ProtectionFailure("a token of our own")
        if not in_order and not self._careless:
            raise ProtectionFailure("sequence number is not the next one")
        if level == LEVEL_CONFIDENTIALITY and not sealed:
            raise ProtectionFailure("not sealed at level 2")
        return result.message, sealed

    def unwrapped(self, token: bytes) -> tuple[bytes, bool]:
        """What the library alone says of a token; GSSError where that is not an exact GSS_S_COMPLETE."""
        with self._lock:
            result = gss.unwrap(self._context, bytes(bytearray(token)))
        return result.message, bool(result.encrypted)

    def copied(self) -> bytes:
        """The context as it is now, exported. Exporting ends a context: this one goes on as a copy of itself."""
        with self._lock:
            octets = gss.export_sec_context(self._context)
            self._context = gss.import_sec_context(octets)
        return octets

    def start_of_encapsulation(self) -> None:
        self.sent.start_of_encapsulation()
        self.received.start_of_encapsulation()

    def largest_plaintext(self, sealed: bool, token: int = 0xFFFF) -> int:
        with self._lock:
            return gss.wrap_size_limit(self._context, token, confidential=sealed)


class Sealing:
    """Which messages are sealed: level 1 none, level 2 all, level 3 by `choice` (alternate, always, never)."""

    def __init__(self, level: int, choice: str = "alternate"):
        self._level = level
        self._choice = choice
        self._next = True

    def next(self) -> bool:
        if self._level != LEVEL_SELECTIVE:
            return self._level == LEVEL_CONFIDENTIALITY
        if self._choice != "alternate":
            return self._choice == "always"
        sealed, self._next = self._next, not self._next
        return sealed
