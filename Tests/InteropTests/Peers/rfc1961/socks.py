"""RFC 1928 messages: greeting, method selection, request, reply, the header of a datagram. Decoding is strict."""

import ipaddress
from dataclasses import dataclass

VERSION = 0x05
METHOD_NONE = 0x00
METHOD_GSSAPI = 0x01
METHOD_UNACCEPTABLE = 0xFF
CONNECT = 0x01
BIND = 0x02
UDP_ASSOCIATE = 0x03
SUCCEEDED = 0x00
GENERAL_FAILURE = 0x01
NOT_ALLOWED = 0x02
NETWORK_UNREACHABLE = 0x03
HOST_UNREACHABLE = 0x04
CONNECTION_REFUSED = 0x05
TTL_EXPIRED = 0x06
COMMAND_NOT_SUPPORTED = 0x07
ADDRESS_TYPE_NOT_SUPPORTED = 0x08


class SOCKSError(Exception):
    """The octets are not what RFC 1928 says. `code` is the reply a server would give, if one fits."""

    def __init__(self, text: str, code: int | None = None):
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Endpoint:
    """An IPv4 or IPv6 address or a name, and a port (RFC 1928 section 5)."""

    host: str
    port: int

    def encoded(self) -> bytes:
        port = self.port.to_bytes(2, "big")
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            name = self.host.encode("ascii")
            if not 1 <= len(name) <= 255:
                raise SOCKSError("a name has 1 to 255 octets") from None
            return b"\x03" + bytes([len(name)]) + name + port
        return (b"\x01" if address.version == 4 else b"\x04") + address.packed + port

    @staticmethod
    def parse(text: str) -> "Endpoint":
        """HOST:PORT, with an IPv6 address in brackets."""
        host, _, port = text.rpartition(":")
        return Endpoint(host.strip("[]"), int(port))

    @staticmethod
    def of(address: tuple) -> "Endpoint":
        """A socket's address. One of IPv4 inside IPv6 is one of IPv4."""
        host = ipaddress.ip_address(address[0].partition("%")[0])
        return Endpoint(str(getattr(host, "ipv4_mapped", None) or host), address[1])

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_unspecified(self) -> bool:
        return self.host in ("0.0.0.0", "::")

    @property
    def kind(self) -> str:
        return {1: "ipv4", 3: "name", 4: "ipv6"}[self.encoded()[0]]


def decode_endpoint(octets: bytes) -> tuple[Endpoint, int] | None:
    """The endpoint and the octets it took, or None when more octets are needed."""
    if not octets:
        return None
    kind = octets[0]
    if kind not in (1, 3, 4):
        raise SOCKSError(f"address type {kind:#04x}", ADDRESS_TYPE_NOT_SUPPORTED)
    if kind == 3:
        if len(octets) < 2:
            return None
        start, length = 2, octets[1]
        if length == 0:
            raise SOCKSError("empty name", GENERAL_FAILURE)
    else:
        start, length = 1, 4 if kind == 1 else 16
    end = start + length + 2
    if len(octets) < end:
        return None
    address = octets[start : start + length]
    host = address.decode("ascii") if kind == 3 else str(ipaddress.ip_address(bytes(address)))
    return Endpoint(host, int.from_bytes(octets[end - 2 : end], "big")), end


def greeting(methods: bytes, version: int = VERSION) -> bytes:
    return bytes([version, len(methods)]) + methods


def request(endpoint: Endpoint, command: int = CONNECT) -> bytes:
    return bytes([VERSION, command, 0]) + endpoint.encoded()


def reply(code: int, bound: Endpoint = Endpoint("0.0.0.0", 0), version: int = VERSION) -> bytes:
    return bytes([version, code, 0]) + bound.encoded()


def datagram_header(endpoint: Endpoint, fragment: int = 0) -> bytes:
    """What stands before the data of a datagram (section 7): RSV, FRAG, address and port."""
    return bytes([0, 0, fragment]) + endpoint.encoded()


def decode_datagram(octets: bytes) -> tuple[int, Endpoint, bytes]:
    """Fragment, endpoint and data of a datagram's plaintext."""
    if octets[:2] != b"\x00\x00" or len(octets) < 3:
        raise SOCKSError("not the header of a datagram")
    decoded = decode_endpoint(octets[3:])
    if decoded is None:
        raise SOCKSError("a header that is not whole")
    endpoint, length = decoded
    return octets[2], endpoint, octets[3 + length :]


def decode_request(octets: bytes) -> tuple[int, Endpoint, int] | None:
    """Command, endpoint and length of a request at the front of `octets`; None when it is not whole."""
    return _decode(octets)


def decode_reply(octets: bytes) -> tuple[int, Endpoint, int] | None:
    """Reply code, bound endpoint and length of a reply at the front of `octets`; None when it is not whole."""
    return _decode(octets)


def _decode(octets: bytes) -> tuple[int, Endpoint, int] | None:
    if octets and octets[0] != VERSION:
        raise SOCKSError(f"version {octets[0]:#04x}")
    if len(octets) >= 3 and octets[2] != 0:
        raise SOCKSError("reserved byte is not zero")
    decoded = decode_endpoint(octets[3:])
    return None if decoded is None else (octets[1], decoded[0], 3 + decoded[1])
