"""Datagrams that must not be delivered. Each fault makes shots: octets, and the socket that they come from.

The same faults serve a hostile client (towards a relay) and a hostile relay (towards a client).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from . import socks
from .datagrams import DatagramProtection
from .faults import ROTATION_OCTETS
from .framing import ENCAPSULATED, HEADER_LENGTH, frame

OWN, OTHER_PORT, OTHER_ADDRESS = "own", "other-port", "other-address"
MARK = b"hostile:"


@dataclass
class Shot:
    """One datagram. `may_pass`: dropped, or delivered unchanged."""

    octets: bytes
    source: str = OWN
    may_pass: bool = False


class DatagramScript:
    """What faults are made of. `behind(n)` gives a datagram that has been delivered, with `n` good ones after it, or
    None; `received` is a datagram of the other end, `control` are tokens of the control connection of this end."""

    def __init__(self, protection: DatagramProtection, endpoint: socks.Endpoint, behind, received: bytes = b"",
                 control: tuple[bytes, ...] = (), foreign: DatagramProtection | None = None, octet: int = -1,
                 bit: int = -1, at: int = -1, count: int = 80):
        self.protection, self.endpoint, self.behind = protection, endpoint, behind
        self.received, self.control, self.foreign = received, control, foreign
        self.octet, self.bit, self.at, self.count = octet, bit, at, count
        self._marks = 0
        self.last_mark = b""

    def mark(self) -> bytes:
        """Data that shows where it came out."""
        self._marks += 1
        self.last_mark = MARK + str(self._marks).encode()
        return self.last_mark

    def plaintext(self, fragment: int = 0) -> bytes:
        return socks.datagram_header(self.endpoint, fragment) + self.mark()

    def good(self, sealed: bool | None = None) -> bytes:
        return self.protection.wrap(self.plaintext(), sealed)

    def wrapped(self, plaintext: bytes, sealed: bool | None = None) -> bytes:
        return self.protection.wrap(plaintext, sealed)


FAULTS = {}


def fault(function):
    FAULTS[function.__name__.replace("_", "-")] = function
    return function


def shots(name: str, script: DatagramScript) -> Iterator[Shot]:
    return FAULTS[name](script)


@fault
def tampered(script: DatagramScript) -> Iterator[Shot]:
    """One bit of octet `octet` is altered (-1: of every octet; `bit` -1: number octet mod 8)."""
    length = len(script.good())
    for octet in range(length) if script.octet < 0 else [script.octet]:
        altered = bytearray(script.good())
        altered[octet % len(altered)] ^= 1 << (octet % 8 if script.bit < 0 else script.bit)
        # Kerberos leaves the rotation count unprotected: dropped, or all unchanged.
        yield Shot(bytes(altered), may_pass=octet % length in ROTATION_OCTETS)


@fault
def clear(script: DatagramScript) -> Iterator[Shot]:
    """The header and the data as RFC 1928 has them, with no protection."""
    yield Shot(script.plaintext())


@fault
def clear_framed(script: DatagramScript) -> Iterator[Shot]:
    """A message of type 3 with the plaintext for a token."""
    yield Shot(frame(ENCAPSULATED, script.plaintext()))


@fault
def unframed(script: DatagramScript) -> Iterator[Shot]:
    """A good token without the four octets before it."""
    yield Shot(script.good()[HEADER_LENGTH:])


@fault
def length_short(script: DatagramScript) -> Iterator[Shot]:
    """The length is one less than the token's, and zero."""
    token = script.good()[HEADER_LENGTH:]
    yield Shot(frame(ENCAPSULATED, token, length=len(token) - 1))
    yield Shot(frame(ENCAPSULATED, token, length=0))


@fault
def length_long(script: DatagramScript) -> Iterator[Shot]:
    """The length is one more than the token's, and the largest there is."""
    token = script.good()[HEADER_LENGTH:]
    yield Shot(frame(ENCAPSULATED, token, length=len(token) + 1))
    yield Shot(frame(ENCAPSULATED, token, length=0xFFFF))


@fault
def trailing(script: DatagramScript) -> Iterator[Shot]:
    """A whole good message with octets behind it: one, and another whole one."""
    yield Shot(script.good() + b"\x00")
    yield Shot(script.good() + script.good())


@fault
def truncated(script: DatagramScript) -> Iterator[Shot]:
    """The first `at` octets of a good datagram (-1: every number of them); and with a length that fits."""
    length = len(script.good())
    for at in range(length) if script.at < 0 else [script.at]:
        yield Shot(script.good()[:at])
        if at > HEADER_LENGTH:
            yield Shot(frame(ENCAPSULATED, script.good()[HEADER_LENGTH:at]))


@fault
def other_type(script: DatagramScript) -> Iterator[Shot]:
    """A good token as a message of another type, or of another version."""
    for type in (0x00, 0x01, 0x02, 0x04, 0xFF):
        yield Shot(frame(type, script.good()[HEADER_LENGTH:]))
    for version in (0x00, 0x02, 0x05):
        yield Shot(frame(ENCAPSULATED, script.good()[HEADER_LENGTH:], version=version))


@fault
def abort(script: DatagramScript) -> Iterator[Shot]:
    """`01 ff`, which ends nothing here."""
    yield Shot(b"\x01\xff")


@fault
def fragments(script: DatagramScript) -> Iterator[Shot]:
    """FRAG is not zero: the first, a later one, the last of a sequence."""
    for fragment in (0x01, 0x02, 0x7F, 0x80, 0x81, 0xFF):
        yield Shot(script.wrapped(script.plaintext(fragment)))


@fault
def headers(script: DatagramScript) -> Iterator[Shot]:
    """Protected, but with a header that is none: no octet, cut short, an unknown kind of address, an empty name."""
    whole = script.plaintext()
    head = len(whole) - len(whole.partition(MARK)[2]) - len(MARK)
    for at in range(head):
        yield Shot(script.wrapped(whole[:at]))
    for kind in (0x00, 0x02, 0x05, 0xFF):
        yield Shot(script.wrapped(whole[:3] + bytes([kind]) + whole[4:]))
    yield Shot(script.wrapped(b"\x00\x00\x00\x03\x00" + whole[head - 2 :]))
    yield Shot(script.wrapped(b"\x00\x00\x00\x03\xff" + whole[head - 2 :]))
    yield Shot(script.wrapped(b"\x05\x01\x00" + whole[3:]))


@fault
def integrity_only(script: DatagramScript) -> Iterator[Shot]:
    """Signed and not sealed. Wrong at level 2 only."""
    yield Shot(script.good(sealed=False), may_pass=script.protection.level != 2)


@fault
def repeated(script: DatagramScript) -> Iterator[Shot]:
    """A datagram that was delivered, once more and at once."""
    yield from _again(script, 0)


@fault
def repeated_later(script: DatagramScript) -> Iterator[Shot]:
    """A datagram that was delivered, `count` datagrams later."""
    yield from _again(script, script.count)


def _again(script: DatagramScript, behind: int) -> Iterator[Shot]:
    octets = script.behind(behind)
    if octets is not None:
        yield Shot(octets)


@fault
def control_token(script: DatagramScript) -> Iterator[Shot]:
    """The tokens that this end has sent on the control connection, as datagrams."""
    for token in script.control:
        yield Shot(frame(ENCAPSULATED, token))


@fault
def reflected(script: DatagramScript) -> Iterator[Shot]:
    """A datagram of the other end, sent back."""
    if script.received:
        yield Shot(script.received)


@fault
def foreign(script: DatagramScript) -> Iterator[Shot]:
    """A datagram of another association between the same principals."""
    if script.foreign is not None:
        yield Shot(script.foreign.wrap(script.plaintext()))


@fault
def mic(script: DatagramScript) -> Iterator[Shot]:
    """A MIC token instead of a wrap token."""
    yield Shot(frame(ENCAPSULATED, script.protection.mic(script.plaintext())))


@fault
def garbage(script: DatagramScript) -> Iterator[Shot]:
    """Random octets of several lengths, framed and not; and nothing at all."""
    yield Shot(b"")
    for length in (1, 2, 3, 4, 5, 16, 100, 1400, 9000, 60000):
        yield Shot(os.urandom(length))
        yield Shot(frame(ENCAPSULATED, os.urandom(length)))


@fault
def other_port(script: DatagramScript) -> Iterator[Shot]:
    """A good datagram from another port of the right address."""
    yield Shot(script.good(), source=OTHER_PORT)


@fault
def other_address(script: DatagramScript) -> Iterator[Shot]:
    """A good datagram from another address."""
    yield Shot(script.good(), source=OTHER_ADDRESS)
