"""Deterministic octets, cheap enough for gibibytes and different in every block.

Block i (64 KiB) of a seed is i as eight octets, big-endian, then 65,528 octets of the seed's pool from offset
`(i * 4099) % 983_048` on. The pool is the first MiB of SHAKE-128 of the seed's text.
"""

import functools
import hashlib

BLOCK = 1 << 16
_POOL = 1 << 20
_TAG = 8
_STEP = 4099


@functools.lru_cache(maxsize=8)
def _pool(seed: str) -> bytes:
    return hashlib.shake_128(seed.encode()).digest(_POOL)


def _block(seed: str, index: int) -> bytes:
    offset = index * _STEP % (_POOL - BLOCK + _TAG)
    return index.to_bytes(_TAG, "big") + _pool(seed)[offset : offset + BLOCK - _TAG]


class SeededStream:
    """`total` octets of a seed, read in pieces of any size."""

    def __init__(self, seed: int | str, total: int):
        self._seed = str(seed)
        self._index = 0
        self._block = b""
        self._taken = 0
        self.remaining = total

    def read(self, count: int) -> bytes:
        count = min(count, self.remaining)
        pieces, missing = [], count
        while missing:
            if self._taken == len(self._block):
                self._block, self._taken = _block(self._seed, self._index), 0
                self._index += 1
            piece = self._block[self._taken : self._taken + missing]
            pieces.append(piece)
            self._taken += len(piece)
            missing -= len(piece)
        self.remaining -= count
        return b"".join(pieces)


@functools.lru_cache(maxsize=32)
def sha256(seed: int | str, total: int) -> str:
    """The digest of `total` octets of a seed."""
    stream, digest = SeededStream(seed, total), hashlib.sha256()
    while stream.remaining:
        digest.update(stream.read(BLOCK))
    return digest.hexdigest()
