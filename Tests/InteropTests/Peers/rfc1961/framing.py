"""RFC 1961 messages: `ver mtyp len token` (sections 3.4, 4.3, 5) and the two-octet abort (section 3.8)."""

from dataclasses import dataclass

VERSION = 0x01
AUTHENTICATION = 0x01
PROTECTION_LEVEL = 0x02
ENCAPSULATED = 0x03
ABORT = 0xFF
ABORT_MESSAGE = bytes([VERSION, ABORT])
HEADER_LENGTH = 4
LARGEST_TOKEN = 0xFFFF


class FramingError(Exception):
    """The octets are not an RFC 1961 message."""


@dataclass(frozen=True)
class Message:
    """One message. An abort has no token."""

    type: int
    token: bytes = b""

    def encoded(self) -> bytes:
        return ABORT_MESSAGE if self.type == ABORT else frame(self.type, self.token)


def frame(type: int, token: bytes, version: int = VERSION, length: int | None = None) -> bytes:
    """Frames a token; `version` and `length` can be given wrongly on purpose."""
    declared = len(token) if length is None else length
    if not 0 <= declared <= LARGEST_TOKEN:
        raise FramingError(f"a token of {declared} octets cannot be framed")
    return bytes([version, type]) + declared.to_bytes(2, "big") + token


class MessageParser:
    """Takes octets in any segmentation and yields whole messages; strict about version and type."""

    def __init__(self, octets: bytes = b""):
        self._octets = bytearray(octets)
        self._start = 0

    @property
    def pending(self) -> int:
        """Octets received that belong to no whole message yet."""
        return len(self._octets) - self._start

    def feed(self, octets: bytes) -> None:
        if self._start > 1 << 20:
            del self._octets[: self._start]
            self._start = 0
        self._octets += octets

    def remainder(self) -> bytes:
        return bytes(self._octets[self._start :])

    def next(self) -> Message | None:
        available = self.pending
        if available >= 1 and self._octets[self._start] != VERSION:
            raise FramingError(f"version {self._octets[self._start]:#04x}")
        if available < 2:
            return None
        type = self._octets[self._start + 1]
        if type == ABORT:
            self._start += 2
            return Message(ABORT)
        if type not in (AUTHENTICATION, PROTECTION_LEVEL, ENCAPSULATED):
            raise FramingError(f"message type {type:#04x}")
        if available < HEADER_LENGTH:
            return None
        end = self._start + HEADER_LENGTH + int.from_bytes(self._octets[self._start + 2 : self._start + 4], "big")
        if len(self._octets) < end:
            return None
        token = bytes(memoryview(self._octets)[self._start + HEADER_LENGTH : end])
        self._start = end
        if self._start == len(self._octets):
            self._octets.clear()
            self._start = 0
        return Message(type, token)
