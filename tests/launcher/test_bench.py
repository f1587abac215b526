"""`manage_all.py bench`: its table says what is there, and what a benchmark ends with is how the command ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import results
from launcher import bench, bootstrap
from launcher.bench import BENCHMARKS, Benchmark
from launcher.console import console, show_rows
from launcher.instance import ROOT, Instance
from tests.launcher.test_command_line import NOBODY_USES, call, call_for_real

MEASURING = [each for each in BENCHMARKS if each.measures]


def help_of(benchmark: Benchmark) -> str:
    command = [sys.executable, "-m", benchmark.module, "--help"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda each: each.name)
def test_each_takes_the_options_that_are_listed(benchmark: Benchmark) -> None:
    """Red when an option is renamed in the script, or a script goes away."""
    said = help_of(benchmark)
    listed = {word for word in benchmark.options.split() if word.startswith("--")}
    listed |= {benchmark.at_once} if benchmark.at_once else set()
    listed |= {"--port-offset", "--json"} if benchmark.measures else set()
    assert listed
    assert not {option for option in listed if f"{option} " not in said and f"{option}]" not in said}


def test_every_script_that_measures_is_listed() -> None:
    scripts = {
        path.stem for path in (ROOT / "benchmarks").glob("*.py") if "results.save(" in path.read_text()
    }
    assert scripts == {each.name for each in MEASURING}


def test_without_a_name_all_are_listed() -> None:
    done = call("bench")
    assert done.returncode == 0
    assert all(each.name in done.stdout for each in BENCHMARKS)
    assert "--connections" not in done.stdout  # here it is --buyers, whatever the script calls it


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("payments",), "There is no benchmark payments. Choose from orders, cost, reads,"),
        (
            ("catalogue_search", "--buyers", "8"),
            "catalogue_search knows no --buyers. These do: orders, cost,",
        ),
        (("orders",), "Not everything is running: postgres"),
    ],
)
def test_a_mistake_is_answered_with_the_way_out(arguments: tuple[str, ...], complaint: str) -> None:
    done = call("bench", *arguments, "--port-offset", NOBODY_USES)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 1
    assert complaint in said
    assert "Traceback" not in said


def test_no_platform_no_measurement_and_the_way_out_names_it() -> None:
    done = call("bench", "orders", "--port-offset", NOBODY_USES)
    assert f"python manage_all.py up --port-offset {NOBODY_USES}" in " ".join(done.stdout.split())


def test_the_exit_code_is_the_benchmarks() -> None:
    assert call_for_real("bench", "scaling", "--no-such-option").returncode == 2


def test_what_is_not_known_here_is_passed_on() -> None:
    done = call_for_real("bench", "scaling", "--orders-per-second", "7")
    assert done.returncode == 0
    assert "\n7 orders a second (computed)" in done.stdout


def test_one_that_was_killed_ends_as_a_shell_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Red when a benchmark that somebody killed looks like one that went well."""
    kills_itself = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    monkeypatch.setattr(Benchmark, "module", "timeit")  # the nearest module that runs what it is told
    assert (
        bench.run(bench.named("scaling"), Instance(int(NOBODY_USES)), "", ["-n1", "-r1", kills_itself]) == 137
    )


def test_a_benchmark_has_the_tools_of_the_tests() -> None:
    assert bootstrap._lock_for(["bench", "orders"]) == "test"


def test_what_was_found_is_shown_under_its_own_headings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    orders = bench.named("orders")
    assert bench.rows(orders) == []
    results.save(orders.results, [{"buyers": 8, "page": "[stock]", "orders_a_second": 58.0}])
    with console.capture() as shown:
        show_rows(bench.rows(orders))
    heading, line = (each.split() for each in shown.get().splitlines())
    assert heading == ["buyers", "page", "orders", "a", "second"]
    assert line == ["8", "[stock]", "58.0"]


def test_in_a_narrow_terminal_no_figure_is_cut() -> None:
    """Red when half a number stands there with dots behind it."""
    row = {f"figure_{number}": "1234567–1234568" for number in range(12)}
    with console.capture() as shown:
        show_rows([row])
    assert "…" not in shown.get()
    assert "".join(shown.get().split()).count("8") >= 12
