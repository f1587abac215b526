"""PostgreSQL's part of a backup: whole, whatever the server does with its log meanwhile, or refused."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from launcher import base_backup
from launcher.addresses import postgres_url
from launcher.base_backup import Range, complaints, copy_wal
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.stores import postgres

INSTANCE = Instance(int(os.environ.get("MICROCOMMERCE_PORT_OFFSET", "0")))
DATA = postgres.installation(INSTANCE).data
Connection = psycopg.Connection[Any]
SEGMENTS = 12  # more than PostgreSQL keeps by itself (`min_wal_size`)


@pytest.fixture
def connection() -> Iterator[Connection]:
    with psycopg.connect(postgres_url(INSTANCE), autocommit=True) as found:
        yield found


@pytest.fixture
def copied(connection: Connection, tmp_path: Path) -> tuple[Path, Range]:
    """A backup's log, taken while the server wrote much and ended two checkpoints."""
    base_backup.begin(connection)
    with psycopg.connect(postgres_url(INSTANCE), autocommit=True) as other:
        for number in range(SEGMENTS):
            other.execute("SELECT pg_logical_emit_message(false, 'test', %s)", [str(number)])
            other.execute("SELECT pg_switch_wal()")
        other.execute("CHECKPOINT")
        other.execute("CHECKPOINT")
    wal = base_backup.end(connection, tmp_path)
    copy_wal(DATA, tmp_path, wal)
    return tmp_path, wal


def test_the_log_of_a_long_backup_is_whole(copied: tuple[Path, Range]) -> None:
    """Red without the slot in `begin`: the checkpoints give the first pieces away, and the copy cannot be made."""
    directory, wal = copied
    assert len(list(wal.segments())) > SEGMENTS
    assert list(complaints(directory, wal)) == []


def test_the_slot_goes_with_the_backup(copied: tuple[Path, Range], connection: Connection) -> None:
    """Red when it stays: the log would grow for ever."""
    connection.close()
    with psycopg.connect(postgres_url(INSTANCE), autocommit=True) as other:
        names = {name for (name,) in other.execute("SELECT slot_name FROM pg_replication_slots")}
    assert f"backup_{os.getpid()}" not in names


def test_a_log_that_went_on_without_the_backup_is_no_backup(
    copied: tuple[Path, Range], tmp_path: Path
) -> None:
    _, wal = copied
    gone = Range(wal.timeline, 0, wal.stop, wal.segment_bytes)  # the first segment of all is long recycled
    again = tmp_path / "again"
    again.mkdir()
    with pytest.raises(LauncherError, match="is gone"):
        copy_wal(DATA, again, gone)


@pytest.mark.parametrize("number", [0, 5, -1])
def test_a_piece_that_is_missing_or_short_is_found(copied: tuple[Path, Range], number: int) -> None:
    directory, wal = copied
    segment = directory / "pg_wal" / list(wal.segments())[number]
    with segment.open("r+b") as file:
        file.truncate(wal.segment_bytes // 2)
    assert any(segment.name in each for each in complaints(directory, wal))
    segment.unlink()
    assert any(segment.name in each for each in complaints(directory, wal))


def test_a_piece_that_was_used_again_is_found(copied: tuple[Path, Range]) -> None:
    """It has its full length, and another one's content: what PostgreSQL makes of old pieces."""
    directory, wal = copied
    first, second, *_ = [directory / "pg_wal" / name for name in wal.segments()]
    second.write_bytes(first.read_bytes())
    assert any("cannot be read to its end" in each for each in complaints(directory, wal))


def test_without_its_label_it_is_no_backup(copied: tuple[Path, Range]) -> None:
    directory, wal = copied
    (directory / base_backup.LABEL).unlink()
    assert any("backup_label is missing" in each for each in complaints(directory, wal))
