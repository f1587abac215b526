"""Places at which a process dies on purpose: off unless named, refused in production."""

import os
import subprocess
import sys
from pathlib import Path

from shared.declaration import POINTS
from shared.faults import crash_point, refusal

ROOT = Path(__file__).resolve().parents[2]
PASS_BY = """
import django
django.setup()
from shared.faults import crash_point
for _ in range(3):
    crash_point("relay.taken")
    crash_point("relay.sent")
    print("still here", flush=True)
"""


def passed(setting: str, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "MICROCOMMERCE_CRASH_POINT": setting, **more}
    command = [sys.executable, "-c", PASS_BY]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )


def test_a_process_dies_at_its_point_and_not_before() -> None:
    """Red without the kill in `CrashPoint.pass_by`, or when the count begins elsewhere."""
    for setting, lived in (("relay.sent", 0), ("relay.sent:3", 2)):
        done = passed(setting)
        assert (done.returncode, done.stdout.count("still here")) == (-9, lived), done.stderr


def test_nothing_dies_without_the_setting() -> None:
    done = passed("")
    assert (done.returncode, done.stdout.count("still here")) == (0, 3), done.stderr
    crash_point(next(iter(POINTS)))  # nor does this process


def test_a_setting_that_names_no_point_stops_the_start() -> None:
    """Red without `Environment.unknown_crash_point`: a test would wait for a crash that never comes."""
    assert all(map(refusal, ("relay.sent:0", "relay.sent:x", "relay.nowhere", ":2")))
    done = passed("relay.nowhere")
    assert done.returncode == 1
    assert "MICROCOMMERCE_CRASH_POINT" in done.stderr
