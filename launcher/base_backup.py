"""PostgreSQL's own part of a backup: a copy of its data, and the write-ahead log (WAL) that makes it whole.

Source: postgresql.org, "Making a Base Backup Using the Low Level API". A temporary replication slot keeps the log
from the beginning to the end, whatever checkpoints happen meanwhile; it goes when the connection ends.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg

from launcher.errors import LauncherError
from launcher.stores import postgres

LABEL = "backup_label"
WAL = "pg_wal"
# What the server writes anew at its start, and the log, which is copied when the backup has ended.
LEFT_OUT = ("postmaster.*", WAL, "pgsql_tmp*", "pg_internal.init*", "pg_replslot")
START = re.compile(r"START WAL LOCATION: (\S+) \(file ([0-9A-F]{8})")


@dataclass(frozen=True)
class Range:
    """The part of the log that belongs to a backup; the addresses are bytes since the log began."""

    timeline: int
    start: int
    stop: int
    segment_bytes: int

    def segments(self) -> Iterator[str]:
        """The names of the files that hold it."""
        of_an_id = 0x1_0000_0000 // self.segment_bytes
        for number in range(self.start // self.segment_bytes, (self.stop - 1) // self.segment_bytes + 1):
            yield f"{self.timeline:08X}{number // of_an_id:08X}{number % of_an_id:08X}"

    def to_json(self) -> dict[str, int]:
        """As plain data, for the backup's label."""
        return asdict(self)


def begin(connection: "psycopg.Connection[Any]") -> None:
    """From now on the data may be copied, and nothing of the log goes."""
    name = f"backup_{os.getpid()}"
    connection.execute("SELECT pg_create_physical_replication_slot(%s, true, true)", [name])
    connection.execute("SELECT pg_backup_start('microcommerce', fast => true)")


def end(connection: "psycopg.Connection[Any]", target: Path) -> Range:
    """The moment that the copy in `target` will be of; what of the log belongs to it."""
    found = connection.execute(
        "SELECT labelfile, lsn - '0/0', pg_size_bytes(current_setting('wal_segment_size'))"
        " FROM pg_backup_stop(wait_for_archive => false)"
    ).fetchone()
    if found is None or not (start := START.search(found[0])):
        raise LauncherError("PostgreSQL did not end its backup.")
    (target / LABEL).write_text(found[0])
    return Range(int(start[2], 16), _bytes(start[1]), int(found[1]), int(found[2]))


def _bytes(lsn: str) -> int:
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def copy_wal(source: Path, target: Path, wal: Range) -> None:
    """Copy the log's files; raises LauncherError for one that is not there. The connection must still be open."""
    (target / WAL).mkdir(mode=0o700)
    for name in wal.segments():
        try:
            shutil.copy2(source / WAL / name, target / WAL / name)
        except FileNotFoundError as error:
            raise LauncherError(
                f"PostgreSQL's log went on without the backup: {name} is gone.", "Take it again."
            ) from error
    for history in (source / WAL).glob("*.history"):
        shutil.copy2(history, target / WAL / history.name)


def complaints(copied: Path, wal: Range) -> Iterator[str]:
    """What is wrong with the log of a copy, read from its first record to its last, each with its checksum."""
    if not (copied / LABEL).exists():
        yield f"{LABEL} is missing: PostgreSQL would begin at the wrong place of its log"
    whole = True
    for name in wal.segments():
        segment = copied / WAL / name
        size = segment.stat().st_size if segment.exists() else 0
        if size != wal.segment_bytes:
            whole = False
            yield f"{WAL}/{name} has {size} of {wal.segment_bytes} bytes"
    if whole and (said := _unreadable(copied, wal)):
        yield f"the log cannot be read to its end: {said}"


def _unreadable(copied: Path, wal: Range) -> str:
    limits = [f"--start={_lsn(wal.start)}", f"--end={_lsn(wal.stop)}", f"--timeline={wal.timeline}"]
    command = [str(postgres.program("pg_waldump")), "--quiet", f"--path={copied / WAL}", *limits]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stderr.strip() or f"pg_waldump ended with {done.returncode}") if done.returncode else ""


def _lsn(address: int) -> str:
    return f"{address >> 32:X}/{address & 0xFFFF_FFFF:X}"
