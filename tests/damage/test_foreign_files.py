"""Files of the spool that belong to somebody else: the opening says which, and changes nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from spool_kit import account, envelope, open_spool, spool_at

from relay.errors import SpoolError


@pytest.mark.parametrize("name", ["lock", "log/00000000000000000001-0000000001.log"])
async def test_a_file_of_another_user_is_named(tmp_path, monkeypatch, name):
    """The relay runs as another user than before: the sentence names the file and what to do."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append([envelope(1)])
    assert (folder / name).exists()
    real = os.open

    def refusing(path, *arguments, **more):
        # Root, who may run this test, is refused nothing.
        if Path(path) == folder / name:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refusing)
        with pytest.raises(SpoolError) as told:
            await open_spool(folder)
    assert told.value.message.endswith(f"cannot be used: Permission denied ({name})")
    assert "everything in it" in told.value.hint
    assert account(folder).accepted == 1
