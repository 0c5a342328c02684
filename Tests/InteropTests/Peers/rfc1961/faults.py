"""Faults in a sequence of protected messages. Each fault makes a plan: what is sent, and what may be delivered.

The same faults serve a hostile client (messages towards a server) and a hostile server (towards a client).
"""

import os
from dataclasses import dataclass

from .framing import AUTHENTICATION, ENCAPSULATED, HEADER_LENGTH, PROTECTION_LEVEL, frame
from .protection import Protection, Sealing
from .socks import Endpoint, request

POSITIONS = {"first": 0, "middle": 4, "last": 8}
MESSAGES = 9
# Octets 6 and 7 of an RFC 4121 header (RRC) are not protected: 10 and 11 of the framed message.
ROTATION_OCTETS = (HEADER_LENGTH + 6, HEADER_LENGTH + 7)


@dataclass
class Plan:
    """Frames in sending order. The first `before` of them are good and carry `delivered` messages."""

    frames: list[bytes]
    before: int
    delivered: int
    accepted: bool = False  # nothing is wrong with it: all messages must be delivered
    may_pass: bool = False  # refused, or everything delivered unchanged
    half_close: bool = False  # the sending side ends after the last frame


class Script:
    """The messages m1, m2, … and the means to wrap them. `position` counts from 0."""

    def __init__(self, protection: Protection, level: int, position: int, size: int = 24, sealing: str = "alternate",
                 octet: int = 20, bit: int = 0, at: int = 0, count: int = 1500, reflected: bytes = b"",
                 foreign: Protection | None = None, seed: int = 0, replayed: bytes = b""):
        self.protection = protection
        self.level = level
        self.position = position
        self.size = size
        self.octet, self.bit, self.at, self.count = octet, bit, at, count
        self.reflected = reflected
        self.foreign = foreign
        self.replayed = replayed
        self._sealing = Sealing(level, sealing)

    def plaintext(self, index: int) -> bytes:
        """`m3:ccc…`, recognisable and of equal size."""
        return f"m{index + 1}:".encode().ljust(self.size, bytes([ord("a") + index % 26]))[: max(self.size, 1)]

    def wrapped(self, plaintext: bytes, sealed: bool | None = None) -> bytes:
        return self.protection.wrap(plaintext, self._sealing.next() if sealed is None else sealed)

    def message(self, index: int, sealed: bool | None = None) -> bytes:
        return frame(ENCAPSULATED, self.wrapped(self.plaintext(index), sealed))

    def messages(self, followers: int = 0) -> list[bytes]:
        """m1 … m9, or as many more as must follow the position."""
        return [self.message(index) for index in range(max(MESSAGES, self.position + 1 + followers))]

    def replacing(self, replacement) -> Plan:
        """The message at the position altered by `replacement(frame)`."""
        frames = self.messages()
        frames[self.position] = replacement(frames[self.position])
        return Plan(frames, self.position, self.position)

    def inserting(self, extra: bytes) -> Plan:
        """Something sent instead of silence between two good messages."""
        frames = self.messages()
        frames.insert(self.position, extra)
        return Plan(frames, self.position, self.position)


FAULTS = {}


def fault(function):
    FAULTS[function.__name__.replace("_", "-")] = function
    return function


def plan(name: str, script: Script) -> Plan:
    return FAULTS[name](script)


@fault
def none(script: Script) -> Plan:
    """Nothing is wrong."""
    frames = script.messages()
    return Plan(frames, len(frames), len(frames), accepted=True, half_close=True)


@fault
def deleted(script: Script) -> Plan:
    """One message is missing; the next one shows it."""
    frames = script.messages(followers=1)
    del frames[script.position]
    return Plan(frames, script.position, script.position)


@fault
def repeated(script: Script) -> Plan:
    """One message comes twice in a row."""
    frames = script.messages()
    frames.insert(script.position + 1, frames[script.position])
    return Plan(frames, script.position + 1, script.position + 1)


@fault
def repeated_later(script: Script) -> Plan:
    """One message comes again after two more."""
    frames = script.messages(followers=2)
    frames.insert(script.position + 3, frames[script.position])
    return Plan(frames, script.position + 3, script.position + 3)


@fault
def late(script: Script) -> Plan:
    """One message comes after the two that follow it."""
    frames = script.messages(followers=2)
    frames.insert(script.position + 2, frames.pop(script.position))
    return Plan(frames, script.position, script.position)


@fault
def swapped(script: Script) -> Plan:
    """Two messages change places."""
    frames = script.messages(followers=1)
    first = script.position
    frames[first], frames[first + 1] = frames[first + 1], frames[first]
    return Plan(frames, first, first)


@fault
def flipped(script: Script) -> Plan:
    """Bit `bit` of octet `octet` of the framed message (header included; negative counts from the end)."""

    def flip(octets: bytes) -> bytes:
        altered = bytearray(octets)
        altered[script.octet] ^= 1 << script.bit
        return bytes(altered)

    made = script.replacing(flip)
    index = script.octet % len(made.frames[script.position])
    made.may_pass = index in ROTATION_OCTETS
    # A larger length may leave the receiver waiting for octets: the stream ends, inside a token.
    made.half_close = index in (2, 3)
    return made


@fault
def truncated(script: Script) -> Plan:
    """The token keeps its first `at` octets and the length says so."""
    return script.replacing(lambda octets: frame(ENCAPSULATED, octets[HEADER_LENGTH:][: script.at]))


@fault
def misdeclared(script: Script) -> Plan:
    """The length says `at`, all octets of the token are there."""
    made = script.replacing(lambda octets: frame(ENCAPSULATED, octets[HEADER_LENGTH:], length=script.at))
    made.half_close = True
    return made


@fault
def fin_inside(script: Script) -> Plan:
    """The stream ends after `at` octets of the framed message (at least 1)."""
    frames = script.messages()[: script.position + 1]
    frames[-1] = frames[-1][: max(1, script.at)]
    return Plan(frames, script.position, script.position, half_close=True)


@fault
def integrity_only(script: Script) -> Plan:
    """One message is signed and not sealed. Wrong at level 2 only."""
    return _with_state(script, sealed=False, wrong=script.level == 2)


@fault
def sealed(script: Script) -> Plan:
    """One message is sealed: stronger than level 1 asks, and accepted at every level."""
    return _with_state(script, sealed=True, wrong=False)


def _with_state(script: Script, sealed: bool, wrong: bool) -> Plan:
    frames = [script.message(i, sealed if i == script.position else None) for i in range(MESSAGES)]
    if wrong:
        return Plan(frames, script.position, script.position)
    return Plan(frames, len(frames), len(frames), accepted=True, half_close=True)


@fault
def clear_request(script: Script) -> Plan:
    """A SOCKS request in clear."""
    return script.inserting(request(Endpoint("127.0.0.1", 1)))


@fault
def clear_data(script: Script) -> Plan:
    """The plaintext in a type 3 frame, not wrapped."""
    return script.inserting(frame(ENCAPSULATED, script.plaintext(script.position)))


@fault
def type_1(script: Script) -> Plan:
    """A good token as an authentication message."""
    return script.replacing(lambda octets: frame(AUTHENTICATION, octets[HEADER_LENGTH:]))


@fault
def type_2(script: Script) -> Plan:
    """A good token as a protection-level message."""
    return script.replacing(lambda octets: frame(PROTECTION_LEVEL, octets[HEADER_LENGTH:]))


@fault
def type_4(script: Script) -> Plan:
    """A good token in a message of a type that does not exist."""
    return script.replacing(lambda octets: frame(0x04, octets[HEADER_LENGTH:]))


@fault
def type_ff(script: Script) -> Plan:
    """An abort message."""
    return script.inserting(b"\x01\xff")


@fault
def type_ff_token(script: Script) -> Plan:
    """A good token behind type 0xff."""
    return script.replacing(lambda octets: frame(0xFF, octets[HEADER_LENGTH:]))


@fault
def version_2(script: Script) -> Plan:
    """A good token in a message of version 2."""
    return script.replacing(lambda octets: b"\x02" + octets[1:])


@fault
def version_5(script: Script) -> Plan:
    """A good token in a message of version 5."""
    return script.replacing(lambda octets: b"\x05" + octets[1:])


@fault
def zero_length(script: Script) -> Plan:
    """A type 3 message with no token."""
    return script.inserting(frame(ENCAPSULATED, b""))


@fault
def empties(script: Script) -> Plan:
    """`count` messages with empty plaintext. More than 1,000 in a row are an attack."""
    front = [script.message(index) for index in range(script.position)]
    empty = [frame(ENCAPSULATED, script.wrapped(b"")) for _ in range(script.count)]
    rest = [script.message(index) for index in range(script.position, MESSAGES)]
    # One write for all of them.
    frames = [*front, b"".join(empty), *rest]
    if script.count <= 1000:
        return Plan(frames, len(frames), MESSAGES, accepted=True, half_close=True)
    return Plan(frames, script.position, script.position)


@fault
def garbage(script: Script) -> Plan:
    """A type 3 message of random octets."""
    return script.inserting(frame(ENCAPSULATED, os.urandom(100)))


@fault
def mic(script: Script) -> Plan:
    """A MIC token instead of a wrap token."""
    frames = [script.message(index) for index in range(script.position)]
    # In order: a MIC token takes a sequence number too.
    frames.append(frame(ENCAPSULATED, script.protection.mic(script.plaintext(script.position))))
    frames += [script.message(index) for index in range(script.position, MESSAGES)]
    return Plan(frames, script.position, script.position)


@fault
def reflected(script: Script) -> Plan:
    """A token that the other end has sent."""
    return script.inserting(frame(ENCAPSULATED, script.reflected))


@fault
def foreign(script: Script) -> Plan:
    """A token of another session between the same principals."""
    token = script.foreign.wrap(script.plaintext(script.position), script.level != 1)
    return script.inserting(frame(ENCAPSULATED, token))


@fault
def level_token_again(script: Script) -> Plan:
    """The token of the level message once more, as data."""
    return script.inserting(frame(ENCAPSULATED, script.replayed))
