"""
Digests of a text, as lower-case hexadecimal digits; of null, null.

Source:
    Data Prep functions, "Hashing functions"; ``crc32`` prints its bytes in Guava's order, least
    significant first, as the page's example shows.

Assumed:
    the character set is UTF-8 when none is given; UTF-16 starts with a byte order mark and is big
    endian, as in Java; what a character set lacks is a question mark.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from typing import Any

from relay.mapping.arguments import text
from relay.mapping.function import Example, Function, FunctionFailed, function

_FAMILY = "Hashing"
_ENCODINGS = {
    "UTF-8": "utf-8",
    "UTF-16": "utf-16-be",
    "ISO-8859-1": "latin-1",
    "US-ASCII": "ascii",
}
_BYTE_ORDER_MARK = b"\xfe\xff"


def _bytes(value: Any, charset: Any) -> bytes:
    name = text(charset, "a character set").upper()
    if name not in _ENCODINGS:
        raise FunctionFailed(f"the character set is unknown: expected {', '.join(_ENCODINGS)}")
    encoded = text(value).encode(_ENCODINGS[name], "replace")
    return _BYTE_ORDER_MARK + encoded if name == "UTF-16" and encoded else encoded


def _crc32(content: bytes) -> str:
    return zlib.crc32(content).to_bytes(4, "little").hex()


def _digest(name: str) -> Callable[[bytes], str]:
    return lambda content: hashlib.new(name, content, usedforsecurity=False).hexdigest()


_ALGORITHMS = {
    "crc32": _crc32,
    "md5": _digest("md5"),
    "sha1": _digest("sha1"),
    "sha256": _digest("sha256"),
    "sha512": _digest("sha512"),
}


@function(
    "sha1",
    _FAMILY,
    "sha1(INPUT, CHARSET)",
    "Gives the SHA-1 digest of a text.",
    Example('sha1("my text", "UTF-8")', "c3599c11e47719df18a2448690840c5dfcce3c80"),
)
def sha1(value: Any, charset: Any = "UTF-8") -> str | None:
    """Digest with SHA-1."""
    return None if value is None else _ALGORITHMS["sha1"](_bytes(value, charset))


@function(
    "sha256",
    _FAMILY,
    "sha256(INPUT, CHARSET)",
    "Gives the SHA-256 digest of a text.",
    Example(
        'sha256("my text", "UTF-8")',
        "7330d2b39ca35eaf4cb95fc846c21ee6a39af698154a83a586ee270a0d372104",
    ),
    Example('sha256("my text") == sha256("my text", "UTF-8")', result=True),
)
def sha256(value: Any, charset: Any = "UTF-8") -> str | None:
    """Digest with SHA-256."""
    return None if value is None else _ALGORITHMS["sha256"](_bytes(value, charset))


@function(
    "sha512",
    _FAMILY,
    "sha512(INPUT, CHARSET)",
    "Gives the SHA-512 digest of a text.",
    Example(
        'sha512("my text", "UTF-8")',
        "a3d7e45a0d9be5fd4e4b9a3b8c9c2163c21ef708bf11b4232bb21d2a8704ada2"
        "cdcd7b367dd0788a89a5c908cfe377aceb1072a7b386b7d4fd2ff68a8fd24d16",
    ),
)
def sha512(value: Any, charset: Any = "UTF-8") -> str | None:
    """Digest with SHA-512."""
    return None if value is None else _ALGORITHMS["sha512"](_bytes(value, charset))


@function(
    "md5",
    _FAMILY,
    "md5(INPUT, CHARSET)",
    "Gives the MD5 digest of a text.",
    Example('md5("my text", "UTF-8")', "d3b96ce8c9fb4e9bd0198d03ba6852c7"),
    Example('md5("é", "ISO-8859-1")', "3406877694691ddd1dfb0aca54681407"),
)
def md5(value: Any, charset: Any = "UTF-8") -> str | None:
    """Digest with MD5."""
    return None if value is None else _ALGORITHMS["md5"](_bytes(value, charset))


@function(
    "crc32",
    _FAMILY,
    "crc32(INPUT, CHARSET)",
    "Gives the CRC-32 of a text as eight digits, the least significant byte first.",
    Example('crc32("my text", "UTF-8")', "8df92e80"),
)
def crc32(value: Any, charset: Any = "UTF-8") -> str | None:
    """Sum with CRC-32."""
    return None if value is None else _crc32(_bytes(value, charset))


@function(
    "hash",
    _FAMILY,
    "hash(ALGORITHM, INPUT, CHARSET)",
    "Gives the digest of a text by the name of the algorithm.",
    Example(
        'hash("crc32", organizations[0], "UTF-8")', "8df92e80", {"organizations": ["my text"]}
    ),
    Example('hash("SHA-1", "my text")', "c3599c11e47719df18a2448690840c5dfcce3c80"),
    note="documented for destinations only. Assumed: the names of the other hashing functions",
)
def digest(algorithm: Any, value: Any, charset: Any = "UTF-8") -> str | None:
    """Digest with a named algorithm."""
    name = text(algorithm, "the name of an algorithm").lower().replace("-", "")
    if name not in _ALGORITHMS:
        raise FunctionFailed(f"the algorithm is unknown: expected {', '.join(_ALGORITHMS)}")
    return None if value is None else _ALGORITHMS[name](_bytes(value, charset))


FUNCTIONS: tuple[Function, ...] = (sha1, sha256, sha512, md5, crc32, digest)
