"""A platform for tests alone: ports that nobody uses, data that nobody needs."""

import contextlib
import fcntl
import json
import signal
from collections.abc import Iterator
from itertools import chain
from typing import IO, Any

from launcher import platform
from launcher.cache import cache_directory
from launcher.console import console
from launcher.errors import LauncherError
from launcher.instance import ROOT, Instance
from launcher.ports import all_ports, is_free
from launcher.up import forget

OFFSETS = range(10_000, 24_001, 1_000)
KEPT = ROOT / ".microcommerce" / "kept-test-platform.json"


@contextlib.contextmanager
def grounds(*, keep: bool) -> Iterator[Instance]:
    """An instance to test on; taken down and forgotten at the end, however the tests end, unless it is kept."""
    signal.signal(signal.SIGTERM, _interrupt)
    with _reserved() as instance:
        if not platform.is_supervised(instance):
            forget(instance)  # a test run that was killed could not clean up
        if keep:
            KEPT.write_text(json.dumps({"offset": instance.offset}))
        try:
            yield instance
        except KeyboardInterrupt:
            end = "it is kept" if keep else "it is taken down and forgotten"
            console.print(f"\nInterrupted: the platform under test is at {instance.offset}; {end}.")
            raise
        finally:
            if not keep:
                forget(instance)
                if instance.offset == kept():
                    KEPT.unlink()


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _reserved() -> Iterator[Instance]:
    """The kept platform, or the first offset that is free; no other test run of this user takes the same."""
    for offset in _candidates():
        instance = Instance(offset)
        with (cache_directory() / f"ports-{offset}.lock").open("w") as lock:
            if _take(lock) and (platform.is_supervised(instance) or _all_free(instance)):
                yield instance
                return
    raise LauncherError("No free range of ports was found for the tests.", "Are other test runs left over?")


def _candidates() -> Iterator[int]:
    first = kept()
    return chain([] if first is None else [first], OFFSETS)


def kept() -> int | None:
    """The offset of the test platform that was left up, as far as anybody knows."""
    return int(json.loads(KEPT.read_text())["offset"]) if KEPT.exists() else None


def _take(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _all_free(instance: Instance) -> bool:
    return all(is_free(port) for _, port in all_ports(instance))
