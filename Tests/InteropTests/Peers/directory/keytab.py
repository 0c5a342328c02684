"""Keytab files, as the MIT library reads and writes them (version 2): just enough to write one key under several names."""

import os
import struct
from dataclasses import dataclass

VERSION = b"\x05\x02"
# KRB5-NT-PRINCIPAL
NAME_TYPE = 1


@dataclass(frozen=True)
class Key:
    """One key of an account; `number` is its version."""

    number: int
    enctype: int
    octets: bytes


def _counted(text: bytes) -> bytes:
    return struct.pack(">H", len(text)) + text


def _entry(principal: str, key: Key) -> bytes:
    name, realm = principal.rsplit("@", 1)
    components = name.split("/")
    body = struct.pack(">H", len(components)) + _counted(realm.encode())
    body += b"".join(_counted(component.encode()) for component in components)
    body += struct.pack(">IIBH", NAME_TYPE, 0, key.number & 0xFF, key.enctype) + _counted(key.octets)
    body += struct.pack(">I", key.number)
    return struct.pack(">i", len(body)) + body


def write(path: str, principals: list[str], keys: list[Key]) -> None:
    """Replaces the file in one step, as adcli and msktutil do: every name in the order given, each with every key."""
    content = VERSION + b"".join(_entry(principal, key) for principal in principals for key in keys)
    draft = f"{path}.new"
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    os.replace(draft, path)


def read(path: str) -> list[Key]:
    """The keys in a file, whatever they are for."""
    with open(path, "rb") as file:
        content = file.read()
    if content[:2] != VERSION:
        raise ValueError(f"{path} is no keytab of version 2")
    keys, position = [], 2
    while position + 4 <= len(content):
        (size,) = struct.unpack_from(">i", content, position)
        position += 4
        if size > 0:
            keys.append(_key(content[position : position + size]))
        position += abs(size)
    return keys


def _key(body: bytes) -> Key:
    (count,) = struct.unpack_from(">H", body)
    position = 2
    for _ in range(count + 1):
        (size,) = struct.unpack_from(">H", body, position)
        position += 2 + size
    position += 8
    number, enctype, size = struct.unpack_from(">BHH", body, position)
    position += 5
    octets = body[position : position + size]
    position += size
    if position + 4 <= len(body):
        number = struct.unpack_from(">I", body, position)[0] or number
    return Key(number, enctype, octets)
