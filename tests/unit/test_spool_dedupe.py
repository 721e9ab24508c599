"""The dedupe window's tables: days, parts, the byte cap, and which tables a look-up touches."""

from __future__ import annotations

import pytest

from relay.spool.database import Database
from relay.spool.dedupe import Dedupe, key_of
from relay.spool.port import Seen

DAY_S = 86_400
DIGEST = b"d" * 16


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "state.db")
    with database.transaction():
        database.create()
    yield database
    database.close()


def window(database: Database, *, max_bytes: int = 1 << 30, days: float = 8) -> Dedupe:
    """A window of so many days and bytes, as it is opened."""
    dedupe = Dedupe(database, window_s=days * DAY_S, max_bytes=max_bytes)
    dedupe.load()
    return dedupe


def add(database: Database, dedupe: Dedupe, ids: list[str], now_s: float) -> None:
    """Settle *ids* as delivered."""
    with database.transaction():
        dedupe.add([(key_of(one), n, DIGEST, 1) for n, one in enumerate(ids, 1)], now_s)
    while dedupe.too_many(now_s):
        with database.transaction():
            dedupe.expire(now_s)


def tables(database: Database) -> list[str]:
    """The names of the days' tables."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'day\\_%' ESCAPE '\\'"
    return sorted(row[0] for row in database.rows(sql))


def test_one_table_a_day(database):
    """Each day has its table; a clock that is set back goes on in the newest."""
    dedupe = window(database)
    for day in (10, 11, 12, 9):
        add(database, dedupe, [f"id-{day}"], day * DAY_S + 5)
    assert tables(database) == ["day_10_0", "day_11_0", "day_12_0"]
    assert dedupe.seen(["id-9", "id-12"]) == {"id-9": Seen(1, DIGEST), "id-12": Seen(1, DIGEST)}


def test_old_days_are_dropped_as_tables(database):
    """When a day is older than the window its table goes, and no other."""
    dedupe = window(database, days=2)
    for day in (10, 11, 12, 13):
        add(database, dedupe, [f"id-{day}"], day * DAY_S + 5)
    assert tables(database) == ["day_11_0", "day_12_0", "day_13_0"]
    assert set(dedupe.seen([f"id-{day}" for day in range(20)])) == {"id-11", "id-12", "id-13"}
    assert not dedupe.is_cut_short(13 * DAY_S)


def test_the_byte_cap_drops_the_oldest_part_and_says_so(database):
    """Over the cap the oldest part of the window goes, and the window is short for a while."""
    dedupe = window(database, max_bytes=80_000)
    now_s = 10 * DAY_S
    for turn in range(200):
        add(database, dedupe, [f"{turn:08d}-{n}" for n in range(20)], now_s)
    assert dedupe.size_bytes <= 80_000
    assert len(tables(database)) > 4
    assert dedupe.is_cut_short(now_s)
    assert dedupe.seen(["00000000-1"]) == {}
    assert dedupe.seen(["00000199-19"]) == {"00000199-19": Seen(20, DIGEST)}
    assert window(database, max_bytes=80_000).is_cut_short(now_s + 7 * DAY_S)
    assert not dedupe.is_cut_short(now_s + 9 * DAY_S)


def test_the_estimate_is_near_the_file(database, tmp_path):
    """What the window is said to take is within a third of what the file grows by."""
    dedupe = window(database)
    for turn in range(100):
        add(database, dedupe, [f"01J{turn:010d}{n:013d}" for n in range(500)], DAY_S)
    pages = database.value("PRAGMA page_count") * database.value("PRAGMA page_size")
    assert 0.67 < dedupe.size_bytes / pages < 1.5


def test_a_look_up_reads_only_tables_that_may_hold_the_id(database):
    """A fresh id in time order is over all of the older tables, which are not asked."""
    dedupe = window(database)
    for day in range(10, 18):
        add(database, dedupe, [f"01J{day}{n:04d}" for n in range(100)], day * DAY_S)
    asked: list[str] = []
    rows = database.rows
    database.rows = lambda sql, parameters=(): asked.append(sql) or rows(sql, parameters)
    assert dedupe.seen(["01J99x", "01J170050"]) == {"01J170050": Seen(51, DIGEST)}
    assert len(asked) == 1
    assert "day_17_0" in asked[0]


def test_borders_are_found_again_at_opening(database):
    """After a restart every id of every table is found, though counts may lag."""
    dedupe = window(database)
    add(database, dedupe, ["b", "a", "c"], DAY_S)
    again = window(database)
    assert again.seen(["a", "b", "c", "d"]) == {
        "a": Seen(2, DIGEST),
        "b": Seen(1, DIGEST),
        "c": Seen(3, DIGEST),
    }
    add(database, again, ["0"], DAY_S)
    assert set(window(database).seen(["0", "a", "c"])) == {"0", "a", "c"}


def test_a_failed_transaction_leaves_no_table_in_mind(database):
    """A day begun in a transaction that failed is begun again by the next."""
    dedupe = window(database)

    class Stopped(Exception):
        pass

    def add_and_stop() -> None:
        with database.transaction():
            dedupe.add([(key_of("a"), 1, DIGEST, 1)], DAY_S)
            raise Stopped

    with pytest.raises(Stopped):
        add_and_stop()
    dedupe.load()
    assert dedupe.seen(["a"]) == {}
    add(database, dedupe, ["a"], DAY_S)
    assert dedupe.seen(["a"]) == {"a": Seen(1, DIGEST)}


@pytest.mark.parametrize("pair", [("x" * 64, "x" * 65), ("é" * 32, "é" * 33), ("", "\x00")])
def test_different_ids_have_different_keys(pair):
    """Short ids are their own key, long ones a hash that no short id can be."""
    short, long = map(key_of, pair)
    assert short != long
    assert max(len(short), len(long)) <= 64
