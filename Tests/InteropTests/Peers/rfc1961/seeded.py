"""Deterministic octets: block i (64 KiB) of seed S is SHAKE-128 of the text `S:i`."""

import hashlib

BLOCK = 1 << 16


class SeededStream:
    """`total` octets of a seed, read in pieces of any size."""

    def __init__(self, seed: int | str, total: int):
        self._seed = seed
        self._index = 0
        self._block = b""
        self.remaining = total

    def read(self, count: int) -> bytes:
        count = min(count, self.remaining)
        while len(self._block) < count:
            self._block += hashlib.shake_128(f"{self._seed}:{self._index}".encode()).digest(BLOCK)
            self._index += 1
        piece, self._block = self._block[:count], self._block[count:]
        self.remaining -= count
        return piece


def sha256(seed: int | str, total: int) -> str:
    """The digest of `total` octets of a seed."""
    stream, digest = SeededStream(seed, total), hashlib.sha256()
    while stream.remaining:
        digest.update(stream.read(BLOCK))
    return digest.hexdigest()
