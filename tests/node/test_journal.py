"""The journal keeps whole blocks in their order, and says clearly what is wrong with one that it cannot trust."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from worldmarkets.node.errors import JournalError
from worldmarkets.node.journal import NO_HASH, Block, Journal

GENESIS = "ab" * 32


def make_block(number: int, first: int, count: int = 2) -> Block:
    return Block(number, first, count, 1_000 * number, bytes([number]) * 64 * count, b"signed", NO_HASH)


def write(path: Path, blocks: int = 3) -> Journal:
    journal = Journal(path, GENESIS)
    for number in range(1, blocks + 1):
        journal.append(make_block(number, 2 * number - 1))
    return journal


def change(path: Path, statement: str) -> None:
    database = sqlite3.connect(path)
    database.execute(statement)
    database.commit()
    database.close()


def test_blocks_read_back_as_they_were_written(tmp_path: Path) -> None:
    journal = write(tmp_path / "j")
    journal.close()
    again = Journal(tmp_path / "j", GENESIS)
    assert list(again.read()) == [make_block(1, 1), make_block(2, 3), make_block(3, 5)]
    assert list(again.read(2, again.read_hash(2))) == [make_block(3, 5)]
    assert (again.last, again.next_sequence, again.head) == (3, 7, journal.head)
    assert again.head == make_block(3, 5).compute_hash(
        make_block(2, 3).compute_hash(make_block(1, 1).compute_hash(NO_HASH))
    )


def test_a_block_that_does_not_follow_is_refused(tmp_path: Path) -> None:
    journal = write(tmp_path / "j")
    for block in (make_block(3, 7), make_block(5, 7), make_block(4, 6)):
        with pytest.raises(JournalError, match="does not follow"):
            journal.append(block)
    assert journal.last == 3


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE blocks SET commands = zeroblob(128) WHERE number = 2", "block 2 was changed"),
        ("UPDATE blocks SET time_us = 5 WHERE number = 2", "block 2 was changed"),
        ("UPDATE blocks SET signed = x'00' WHERE number = 3", "block 3 was changed"),
        ("UPDATE blocks SET events = zeroblob(31) WHERE number = 1", "block 1 was changed"),
        ("DELETE FROM blocks WHERE number = 2", "block 2 is missing"),
    ],
)
def test_a_log_that_was_tampered_with_is_not_read(tmp_path: Path, statement: str, message: str) -> None:
    write(tmp_path / "j").close()
    change(tmp_path / "j", statement)
    with pytest.raises(JournalError, match=message):
        list(Journal(tmp_path / "j", GENESIS).read())


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE meta SET value = '2' WHERE name = 'format'", "has format 2, and this version reads 1"),
        ("UPDATE meta SET value = 'cd' WHERE name = 'genesis'", "belongs to genesis cd"),
        ("DROP TABLE checkpoints", "not a journal"),
    ],
)
def test_a_journal_of_another_venue_or_version_is_left_alone(tmp_path: Path, statement: str, message: str) -> None:
    path = tmp_path / "j"
    write(path).close()
    change(path, statement)
    before = path.read_bytes()
    with pytest.raises(JournalError, match=message):
        Journal(path, GENESIS)
    assert path.read_bytes() == before


def test_what_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(JournalError, match="cannot be read as a journal"):
        Journal(path, GENESIS)
    assert path.read_bytes() == b"no database at all" * 100


def test_a_torn_file_is_not_read_past_its_tear(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path, GENESIS)
    for number in range(1, 200):
        journal.append(make_block(number % 250, 2 * number - 1))
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(JournalError):
        list(Journal(path, GENESIS).read())


def test_a_full_disk_takes_no_half_block_and_the_next_start_has_the_rest(tmp_path: Path) -> None:
    journal = write(tmp_path / "j")
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count = {pages}")  # what SQLite says of a full disk it says of this
    large = Block(4, 7, 1_000, 9, bytes(64_000), b"", NO_HASH)
    with pytest.raises(JournalError, match="full"):
        journal.append(large)
    assert journal.last == 3
    journal.close()
    again = Journal(tmp_path / "j", GENESIS)
    again.append(large)
    assert [block.number for block in again.read()] == [1, 2, 3, 4]


def test_a_copy_taken_while_it_runs_is_whole(tmp_path: Path) -> None:
    journal = write(tmp_path / "j")
    for suffix in ("", "-wal"):
        shutil.copy(tmp_path / f"j{suffix}", tmp_path / f"copy{suffix}")
    assert [block.number for block in Journal(tmp_path / "copy", GENESIS).read()] == [1, 2, 3]
    journal.close()
