"""Which tests a command means, and in how many processes they run."""

import subprocess
import sys
from functools import cache

import pytest

from launcher.instance import ROOT
from launcher.selection import VARIABLE
from launcher.testing.pytest_runs import in_lanes
from launcher.testing.suites import FAULTS, SUITES, Suite, chosen
from tests import by_hand


def test_without_a_name_all_suites_are_meant_but_the_faults() -> None:
    assert chosen(()) == SUITES
    assert FAULTS not in SUITES
    assert chosen(["faults"]) == (FAULTS,)


def test_every_system_test_is_in_one_of_two_suites() -> None:
    """Red when a test can have a mark by which neither chooses it."""
    (system,) = chosen(["system"])
    assert (system.directory, system.chosen_by) == (FAULTS.directory, f"not ({FAULTS.chosen_by})")


@cache
def collected(marks: str) -> list[str]:
    """The system tests that `-m` chooses, without their folder."""
    command = [sys.executable, "-m", "pytest", "tests/system", "--collect-only", "-q", "-m", marks]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [line.removeprefix("tests/system/") for line in done.stdout.splitlines() if "::" in line]


KEPT = [
    "test_killing.py::test_each_is_killed_while_orders_go_on",
    "test_killing.py::test_an_order_that_timed_out_was_placed_all_the_same",
    "test_crash_points.py::test_what_dies_at_any_line_is_finished_once[a point of each kind]",
    *(
        f"test_stores_away.py::test_a_store_that_is_away[{store}]"
        for store in ("mongod", "redis", "postgres", "kafka", "keycloak")
    ),
    "test_stores_away.py::test_redis_is_emptied",
    "test_poison.py::test_poison_is_given_up_with_a_reason[negative quantity]",
    "test_poison.py::test_a_manager_replays_and_discards",
    "test_every_message_again.py::test_everything_once_more",
]


@pytest.mark.parametrize("test", KEPT)
def test_one_fault_of_each_kind_is_in_every_run(test: str) -> None:
    """Red when it is marked as one of the long ones, or has another name."""
    assert test in collected(chosen(["system"])[0].chosen_by)


def test_the_long_ones_are_not() -> None:
    assert "test_faults_under_load.py::test_everybody_sleeps_and_wakes" in collected(FAULTS.chosen_by)


def test_suites_on_one_database_run_one_after_another() -> None:
    """Red when one makes the database anew that another works on."""
    for owner in {suite.runs_as for suite in SUITES if suite.runs_as}:
        assert len({suite.lane for suite in SUITES if suite.runs_as == owner}) == 1, owner


def test_whoever_waits_for_keycloak_is_the_last_of_its_lane() -> None:
    """Red when all of a lane waits for what one of its suites needs."""
    lanes = in_lanes(chosen(["unit"]))
    assert sorted(suite.name for lane in lanes for suite in lane) == sorted(s.name for s in chosen(["unit"]))
    (with_gateway,) = (lane for lane in lanes if any(suite.needs == "keycloak" for suite in lane))
    assert [suite.needs for suite in with_gateway].index("keycloak") == len(with_gateway) - 1


def test_tests_that_somebody_chose_run_in_one_process() -> None:
    """`-x`, `-s` and `--pdb` mean one. Red when workers are started for them."""
    suite = Suite("shared", workers=4)
    assert "-n" in suite.options([])
    assert "-n" not in suite.options(["-x"])


def test_a_suite_in_which_nothing_failed_is_not_run_again() -> None:
    """Red where `--last-failed` without a failure means all tests, as it does by itself."""
    assert "--last-failed-no-failures" in Suite("order").options(["--last-failed"])
    assert "--last-failed-no-failures" not in Suite("order").options(["-x"])


def test_each_suite_remembers_its_own_failures() -> None:
    places = [options[-1] for suite in (*SUITES, FAULTS) if (options := suite.options([]))]
    assert len({*places}) == len(SUITES) + 1


@pytest.mark.parametrize(
    ("suite", "code"),
    [("basket", "apps/basket/*"), ("gateway", "gateway/*"), ("shared", "shared/*"), ("system", "")],
)
def test_coverage_is_of_the_suites_own_code(suite: str, code: str) -> None:
    (found,) = chosen([suite])
    assert found.code == code


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["tests/basket"], ["basket"]),
        (["-k", "order", "tests/order/test_placing.py::test_a", "-x"], ["order"]),
        (["tests/shared/http", "tests/saga"], ["shared", "saga"]),
        (["tests/launcher/test_suites.py"], ["launcher"]),
        (["tests"], [suite.name for suite in SUITES]),
        (["-x"], [suite.name for suite in SUITES]),
    ],
    ids=" ".join,
)
def test_by_hand_the_suite_is_found_by_its_files(
    arguments: list[str], names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert [suite.name for suite in by_hand.meant(arguments)] == names


@pytest.mark.parametrize("arguments", [["tests/order"], ["tests/order", "tests/saga"]], ids=" ".join)
def test_by_hand_without_stores_it_is_said_what_to_call(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red when a stranger is shown Django's complaint about settings."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(by_hand, "kept", lambda: None)
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(SystemExit, match=r"manage_all\.py test order"):
        by_hand.prepare(arguments)
