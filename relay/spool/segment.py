"""
One file of the log: a header, then frames without gaps, then zeros up to the preallocated size.

The name is ``<first position>-<epoch>.log``, both with leading zeros, so that names sort in the
order of positions. The header stands twice, at offsets 0 and 64, so that one damaged byte does
not cost the salt, without which no frame can be checked::

    offset  size  field
    0       8     magic "RELAYLOG"
    8       4     version, 1
    12      4     salt of the frames' checksums, random
    16      8     first position
    24      8     first position of the segment before, 0 when there was none: a missing file shows
    32      8     created at, float seconds UTC: also when the segment before was closed
    40      4     epoch
    44      4     crc32 of the 44 bytes before

Frames start at offset 128. A segment is preallocated when it is made, so that a write into it
cannot find the disk full; it is cut to its used size when the next one is made. It is never
written again after that; deleting it is unlinking it. The folder is synced whenever a segment is
made or unlinked.
"""

from __future__ import annotations

import os
import re
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from zlib import crc32

from relay.errors import SpoolVersion

MAGIC = b"RELAYLOG"
VERSION = 1
_HEADER = struct.Struct("<8sIIQQdI")
_CRC = struct.Struct("<I")
_COPY_AT = (0, 64)
HEADER_BYTES = 128
_MARK_EVERY_BYTES = 256 * 1024
_PIECE_BYTES = 1024 * 1024
# A frame may end in zeros: its body's last bytes and its checksum.
SLACK_BYTES = 4096
_NAME = re.compile(r"^(\d{20})-(\d{10})\.log$")


@dataclass(slots=True)
class Segment:
    """
    What is known of one segment; sizes in bytes.

    *end* is the offset after the last acknowledged frame and *last* its position. Only the
    writer changes them, only of the newest segment. *salt* is -1 when both headers are damaged.
    *marks* are some (position, offset) pairs in order, to start reading near a position.
    """

    path: Path
    first: int
    epoch: int
    salt: int
    previous: int
    created_at_s: float
    end: int
    last: int
    marks: list[tuple[int, int]] = field(default_factory=list, repr=False)

    @property
    def readable(self) -> bool:
        """Whether a header survives; without its salt no frame can be told from noise."""
        return self.salt >= 0

    def mark(self, position: int, offset: int) -> None:
        """Remember that *position* starts at *offset*, unless a mark is near."""
        if not self.marks or offset - self.marks[-1][1] >= _MARK_EVERY_BYTES:
            self.marks.append((position, offset))

    def offset_near(self, position: int) -> tuple[int, int]:
        """Give the nearest known (position, offset) at or before *position*."""
        best = (self.first, HEADER_BYTES)
        for mark in reversed(self.marks):
            if mark[0] <= position:
                return mark
        return best


def sync_folder(folder: Path) -> None:
    """Make the names in *folder* survive power loss."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace_synced(path: Path, data: bytes) -> None:
    """
    Put *data* in the place of the file at *path*, durably, all or nothing.

    Raises:
        OSError: the disk refuses; the old file stays.
    """
    draft = path.with_suffix(".new")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        while data:
            data = data[os.write(fd, data) :]
        os.fsync(fd)
    finally:
        os.close(fd)
    draft.replace(path)
    sync_folder(path.parent)


def _header(segment: Segment) -> bytes:
    fixed = _HEADER.pack(
        MAGIC,
        VERSION,
        segment.salt,
        segment.first,
        segment.previous,
        segment.created_at_s,
        segment.epoch,
    )
    copy = (fixed + _CRC.pack(crc32(fixed))).ljust(_COPY_AT[1], b"\0")
    return copy * len(_COPY_AT)


def create(segment: Segment, *, capacity_bytes: int) -> int:
    """
    Make the file of *segment*, durable with its name; return it open for writing.

    Raises:
        OSError: the disk is full or refuses; nothing is left behind.
    """
    fd = os.open(segment.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(fd, 0, capacity_bytes)
        os.pwrite(fd, _header(segment), 0)
        os.fsync(fd)
        sync_folder(segment.path.parent)
    except BaseException:
        os.close(fd)
        with suppress(OSError):
            segment.path.unlink()
        raise
    return fd


def read_header(path: Path) -> Segment:
    """
    Read the header of the segment at *path*; ``readable`` is false when both copies are damaged.

    Raises:
        OSError: the file cannot be read.
        SpoolVersion: a newer relay wrote it.
        ValueError: the name is not a segment's.
    """
    matched = _NAME.match(path.name)
    if matched is None:
        raise ValueError(f"{path.name} is not the name of a segment")
    first, epoch = int(matched[1]), int(matched[2])
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        raw, size = os.pread(fd, HEADER_BYTES, 0), os.fstat(fd).st_size
    finally:
        os.close(fd)
    for at in _COPY_AT:
        fixed = raw[at : at + _HEADER.size]
        crc = raw[at + _HEADER.size : at + _HEADER.size + _CRC.size]
        if len(crc) == _CRC.size and _CRC.unpack(crc)[0] == crc32(fixed):
            _, version, salt, first, previous, created_at_s, epoch = _HEADER.unpack(fixed)
            if version > VERSION:
                raise SpoolVersion(
                    f"{path.name} has format {version}, this relay knows {VERSION}",
                    hint="start the newer relay that wrote it, or choose another spool.path",
                )
            return Segment(path, first, epoch, salt, previous, created_at_s, size, first - 1)
    return Segment(path, first, epoch, -1, -1, 0.0, size, first - 1)


def name(first: int, epoch: int) -> str:
    """Name the segment that starts at position *first*."""
    return f"{first:020d}-{epoch:010d}.log"


def list_segments(folder: Path) -> list[Segment]:
    """Read the headers of all segments in *folder*, in the order of their positions."""
    paths = sorted(path for path in folder.iterdir() if _NAME.match(path.name))
    segments = [read_header(path) for path in paths]
    for segment, after in pairwise(segments):
        segment.last = max(after.first - 1, segment.first - 1)
    return segments


def written_end(segment: Segment) -> int:
    """
    Say where the zeros begin that *segment* ends with, at this moment.

    The last frame may go on for up to `SLACK_BYTES`.

    Raises:
        OSError: the file cannot be read.
    """
    end = segment.path.stat().st_size
    while end > 0:
        start = max(end - _PIECE_BYTES, 0)
        used = len(read_range(segment.path, start, end - start).rstrip(b"\0"))
        if used:
            return start + used
        end = start
    return 0


def read_range(path: Path, offset: int, size_bytes: int) -> bytes:
    """
    Read *size_bytes* of *path* from *offset*; fewer only at the end of the file.

    Raises:
        OSError: the file cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        chunk = os.pread(fd, size_bytes, offset)
        while len(chunk) < size_bytes:
            more = os.pread(fd, size_bytes - len(chunk), offset + len(chunk))
            if not more:
                break
            chunk += more
        return chunk
    finally:
        os.close(fd)
