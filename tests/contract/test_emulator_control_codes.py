"""The error codes that the local Adobe's Flow Service uses are Adobe's."""

from __future__ import annotations

import re
from pathlib import Path

import relay.emulator

# What the table calls 1439-400 has this number in the documented body; the rest are connector
# errors (AdobeDocs, help/sources/errors/sources-errors.md), which have no table of their own.
ELSEWHERE = {
    "1439-404", "1306-400", "1320-400", "1321-400", "1325-400", "1327-400", "1328-400",
    "1332-400", "1388-400",
}  # fmt: skip
TABLE = Path(__file__).parents[1] / "data" / "adobe-fixtures" / "flow-service-error-codes.tsv"


def test_every_code_stands_in_the_error_table():
    """No code of Flow Service is made up, and each ends in the status that it is answered with."""
    listed = {line.split("\t")[0] for line in TABLE.read_text().splitlines() if line[:1].isdigit()}
    folder = Path(relay.emulator.__file__).parent
    used: set[str] = set()
    for path in folder.glob("*.py"):
        used |= set(re.findall(r'flow_problem\(\s*"(\d{4}-\d{3})"', path.read_text()))
    assert len(used) > 40
    assert used <= listed | ELSEWHERE
