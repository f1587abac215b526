"""`manage_all.py` as a person calls it: what it prints, how it exits, and never a traceback."""

import json
import subprocess
import sys
from collections.abc import Sequence

import pytest

from launcher.instance import ROOT

NOBODY_USES = "23900"


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    command: Sequence[str] = [sys.executable, "manage_all.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


def test_status_of_nothing_has_the_contracts_shape() -> None:
    done = call("status", "--json", "--port-offset", NOBODY_USES)
    found = json.loads(done.stdout)
    assert done.returncode == 3
    assert set(found) == {"urls", "processes"}
    assert {"gateway", "keycloak", "kafka", "postgres", "mongodb", "redis"} == set(found["urls"])
    assert found["urls"]["gateway"] == "http://localhost:31900"
    first = next(each for each in found["processes"] if each["name"] == "order-api")
    expected = {
        "name": "order-api",
        "service": "order",
        "pid": None,
        "port": 31902,
        "state": "stopped",
        "restarts": 0,
    }
    assert first == expected


def test_status_leaves_no_trace_of_a_platform_that_never_was() -> None:
    call("status", "--port-offset", NOBODY_USES)
    assert not (ROOT / ".microcommerce" / NOBODY_USES).exists()


def test_down_of_nothing_says_so() -> None:
    done = call("down", "--port-offset", NOBODY_USES)
    assert (done.returncode, done.stdout) == (0, "Nothing was running.\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("up", "--only", "payment"), "There is no service payment."),
        (("restart", "payment"), "There is no process or service 'payment'."),
        (("logs", "payment"), "There is no log of payment."),
        (("manage", "payment", "migrate"), "There is no service payment."),
        (("test", "payment"), "There are no tests called payment."),
        (("up", "--port-offset", "60000"), "--port-offset 60000 is out of range."),
        (("restart", "order", "--port-offset", NOBODY_USES), "The platform is not up"),
        (("grant-manager", "alice", "--port-offset", NOBODY_USES), "Keycloak does not answer"),
    ],
)
def test_a_mistake_is_answered_with_the_way_out(arguments: tuple[str, ...], complaint: str) -> None:
    done = call(*arguments)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 1
    assert complaint in said
    assert "Traceback" not in said
    assert len(said) > len(complaint) + 20  # the way out


def test_a_shop_that_is_not_up_cannot_be_checked() -> None:
    """Which is another exit code than that of a broken promise."""
    done = call("check", "--port-offset", "7000")
    assert done.returncode == 3
    assert "manage_all.py status --port-offset 7000" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_help_explains_itself_with_examples() -> None:
    said = call("--help").stdout
    assert all(
        f"\n  {name}" in said
        for name in ("up", "down", "reset", "status", "logs", "restart", "check", "manage", "test")
    )
    assert "Examples:" in said
    assert "python manage_all.py test order -k cancel" in said


def test_djangos_own_commands_run_with_the_services_environment() -> None:
    done = call(
        "manage",
        "order",
        "shell",
        "-v",
        "0",
        "-c",
        "from django.conf import settings; print(settings.GATEWAY_URL)",
    )
    assert done.stdout.strip() == "http://localhost:8000", done.stderr
    moved = call(
        "manage",
        "order",
        "--port-offset",
        "1000",
        "shell",
        "-v",
        "0",
        "-c",
        "from django.conf import settings; print(settings.GATEWAY_URL)",
    )
    assert moved.stdout.strip() == "http://localhost:9000", moved.stderr
