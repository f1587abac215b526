"""The arithmetic of benchmarks.against_vendure, and what it says on a machine without Node. Vendure itself is no test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.against_vendure import Pair, Side, compared
from benchmarks.orders import Measured, Seen
from benchmarks.peers.vendure import shop
from launcher.errors import LauncherError
from launcher.instance import ROOT


def pair(ours: float, theirs: float) -> Pair:
    return Pair(Side(ours, 1000 / ours, 10.0), Side(theirs, 1000 / theirs, 200.0))


def test_the_ratio_is_the_median_of_the_pairs() -> None:
    """A pair was measured under one load; medians of either side may be of different moments."""
    row = compared(8, [pair(10, 1), pair(20, 4), pair(30, 5)], load=1.5)
    assert (row["ours_a_second"], row["vendure_a_second"]) == (20, 4)
    assert row["ratio"] == 6  # of 10, 5 and 6; the ratio of the medians would be 5
    assert row["ratio_spread"] == "5.0–10.0"
    assert (row["ours_spread"], row["vendure_spread"]) == ("10.0–30.0", "1.0–5.0")
    assert (row["buyers"], row["load"]) == (8, 1.5)


def test_waits_and_costs_stay_on_their_side() -> None:
    row = compared(1, [pair(10, 2)], load=0.0)
    assert (row["ours_p50_ms"], row["vendure_p50_ms"]) == (100, 500)
    assert (row["ours_cpu_ms"], row["vendure_cpu_ms"]) == (10, 200)


def test_a_side_is_what_its_buyers_saw_and_its_processes_used() -> None:
    measured = Measured(pushed=[10.0, 20.0, 30.0, 40.0])
    seen = Seen(measured, 2.0, {"api": 1.0, "gone": 5.0}, {"api": 1.4, "new": 0.2})
    assert Side.of(seen) == Side(rate=2.0, p50=25.0, cpu_ms=150.0)


def test_rows_are_written_with_what_they_were_taken_of(tmp_path: Path) -> None:
    file = tmp_path / "bench" / "orders.json"
    results.save(file, [{"buyers": 8, "orders_a_second": 58.0}])
    assert '"orders_a_second": 58.0' in file.read_text()
    assert set(results.about()) == {"taken_at", "commit", "cores"}
    results.save(None, [])  # nobody asked for a file


def test_without_node_it_says_where_to_get_it() -> None:
    command = [sys.executable, "-m", "benchmarks.against_vendure"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PATH": "/nothing/there"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Vendure needs node and npm, which are not on the PATH." in done.stderr
    assert "Install Node 20 or later" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_node_that_is_too_old_is_refused_before_anything_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("node", "npm"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho v18.20.4\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(LauncherError, match=r"Node 20 or later; this is v18\.20\.4"):
        shop.require_node()
    (tmp_path / "node").write_text("#!/bin/sh\necho v20.0.0\n")
    shop.require_node()
