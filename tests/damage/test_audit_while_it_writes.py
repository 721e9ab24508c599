"""An account of a spool that a relay writes to: it ends, and what it reads is bounded."""

from __future__ import annotations

import os

import pytest
from spool_kit import envelopes, spool_at

from relay.spool.recount import recount, take_account

MIB = 1024 * 1024


@pytest.mark.parametrize("count", [take_account, recount])
async def test_an_account_does_not_follow_the_writer(tmp_path, monkeypatch, count):
    """However fast events come, an account takes what was there and ends; nothing is missing."""
    folder = tmp_path / "spool"
    real = os.pread
    reads: list[int] = []
    async with spool_at(folder, segment_bytes=4 * MIB) as spool:
        await spool.append(envelopes(1, size=1000))
        writer = spool._core.log.writer  # whose thread is idle

        def written_before(fd: int, size_bytes: int, offset: int) -> bytes:
            # As if the relay had stored some events just before every read.
            if len(reads) < 2000:
                writer.write([envelopes(3, size=1000)])
            reads.append(size_bytes)
            return real(fd, size_bytes, offset)

        monkeypatch.setattr(os, "pread", written_before)
        account = count(folder)
        monkeypatch.undo()
        assert len(reads) < 200
        assert sum(reads) < 40 * MIB
        assert 1 <= account.accepted <= writer.position
        assert account.problems == ()
