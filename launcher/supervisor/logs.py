"""Keep log files small while their writers go on writing."""

import os
import shutil
from pathlib import Path

LARGEST_BYTES = 20 * 1024 * 1024


def keep_small(log: Path, largest: int = LARGEST_BYTES) -> None:
    """Move what is in a large log to `NAME.log.1` and empty it; the writer appends, so it goes on at the start."""
    if not log.exists() or log.stat().st_size <= largest:
        return
    shutil.copyfile(log, log.with_name(log.name + ".1"))
    os.truncate(log, 0)
