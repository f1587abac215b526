"""A log is cut while its writer goes on writing, and nothing before the cut is lost."""

import os
from pathlib import Path

from launcher.supervisor.logs import keep_small


def test_the_writer_goes_on_in_the_emptied_file(tmp_path: Path) -> None:
    log = tmp_path / "order-api.log"
    writer = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(writer, b"old\n" * 100)
    keep_small(log, largest=100)
    os.write(writer, b"new\n")
    os.close(writer)
    assert log.read_bytes() == b"new\n"
    assert (tmp_path / "order-api.log.1").read_bytes() == b"old\n" * 100


def test_a_small_log_stays(tmp_path: Path) -> None:
    log = tmp_path / "order-api.log"
    log.write_text("a line\n")
    keep_small(log, largest=100)
    assert log.read_text() == "a line\n"
    assert list(tmp_path.iterdir()) == [log]


def test_a_log_that_is_not_there_yet_is_no_failure(tmp_path: Path) -> None:
    keep_small(tmp_path / "order-api.log")
    assert not list(tmp_path.iterdir())
