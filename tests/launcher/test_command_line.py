"""`manage_all.py` as a person calls it: what it prints, how it exits, and never a traceback."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from launcher import selection
from launcher.cli import main
from launcher.errors import LauncherError
from launcher.instance import ROOT, Instance
from launcher.platform import MARK
from launcher.ports import all_ports, is_free
from launcher.selection import VARIABLE
from launcher.testing.pytest_runs import Result
from launcher.testing.run import require_any
from tests.worker import NUMBER

OFFSET = next(
    offset
    for offset in range(23_000 + 200 * NUMBER, 24_000, 10)
    if all(is_free(port) for _, port in all_ports(Instance(offset)))
)
NOBODY_USES = str(OFFSET)


def call(*arguments: str, said: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """What a command prints and how it ends, in this process: it is started ten times faster. `said` is typed in."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.delenv(VARIABLE, raising=False)  # what the suite itself says of a platform
        patch.setattr(selection, "LAST", Path("/nothing/was/started"))
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["manage_all.py", *arguments])
        patch.setattr(sys, "stdin", io.StringIO(said))
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = int(ended.code or 0)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def call_for_real(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The same, as a person does it."""
    command: Sequence[str] = [sys.executable, "manage_all.py", *arguments]
    others = {name: value for name, value in os.environ.items() if name != VARIABLE}
    return subprocess.run(
        command, cwd=ROOT, env=others, capture_output=True, text=True, check=False, timeout=120
    )


def test_status_of_nothing_has_the_contracts_shape() -> None:
    done = call_for_real("status", "--json", "--port-offset", NOBODY_USES)
    found = json.loads(done.stdout)
    assert done.returncode == 3
    assert set(found) == {"urls", "processes"}
    assert {"gateway", "keycloak", "kafka", "postgres", "mongodb", "redis"} == set(found["urls"])
    assert found["urls"]["gateway"] == f"http://localhost:{8000 + OFFSET}"
    first = next(each for each in found["processes"] if each["name"] == "order-api")
    expected = {
        "name": "order-api",
        "service": "order",
        "pid": None,
        "port": 8002 + OFFSET,
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
        (("chaos", "--port-offset", NOBODY_USES), "Not everything is running: postgres"),
        (("chaos", "--network", "--port-offset", NOBODY_USES), "Not everything is running: postgres"),
        (("manage", "infrastructure", "check"), "There is no service infrastructure."),
        (("manage", "order,stock", "check"), "There is no service order,stock."),
        (("manage", "order", "check", "--port-offset"), "--port-offset wants a number."),
        (("manage", "order", "check", "--port-offset", "abc"), "--port-offset is 'abc', which is no number."),
        (("manage", "--port-offset=abc", "order", "check"), "--port-offset is 'abc', which is no number."),
        (("manage", "order", "check", "--port-offset=60000"), "--port-offset 60000 is out of range."),
        (("backup", "--verify", "/nowhere"), "/nowhere is not a backup"),
        (("backup", "/tmp/never-made", "--port-offset", NOBODY_USES), "There is nothing to back up."),
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


PRINT = "from django.conf import settings; print(settings.GATEWAY_URL)"


@pytest.mark.parametrize(
    "arguments",
    [
        ("manage", "order", "--port-offset", NOBODY_USES, "shell", "-v", "0", "-c", PRINT),
        ("manage", f"--port-offset={NOBODY_USES}", "order", "shell", "-v", "0", "-c", PRINT),
        ("--port-offset", NOBODY_USES, "manage", "order", "shell", "-v", "0", "-c", PRINT),
    ],
    ids=["after the service", "before the service", "before the command"],
)
def test_djangos_own_commands_run_with_the_services_environment(arguments: tuple[str, ...]) -> None:
    done = call_for_real(*arguments)
    assert done.stdout.strip() == f"http://localhost:{8000 + OFFSET}", done.stderr


@pytest.mark.parametrize("arguments", [("manage", "--help"), ("manage", "-h")])
def test_manage_has_help_of_its_own(arguments: tuple[str, ...]) -> None:
    done = call(*arguments)
    assert done.returncode == 0
    assert "SERVICE" in done.stdout


def test_the_version_is_said() -> None:
    assert call("--version").stdout == "Microcommerce 0.1.0\n"


def test_a_variable_names_the_platform() -> None:
    """Red when it has to be said again with each command."""
    found = json.loads(call("status", "--json", **{VARIABLE: NOBODY_USES}).stdout)
    assert found["urls"]["gateway"] == f"http://localhost:{8000 + OFFSET}"
    refused = call("status", **{VARIABLE: "abc"})
    assert refused.returncode == 1
    assert f"{VARIABLE} is 'abc', which is no number." in refused.stdout


@pytest.fixture
def state() -> Iterator[Path]:
    """Where a platform that does not run keeps what it keeps."""
    instance = Instance(OFFSET)
    instance.make_directories()
    yield instance.state
    if instance.state.exists():
        call("reset", "--yes", "--port-offset", NOBODY_USES)


@pytest.mark.parametrize("answer", ["n\n", ""], ids=["no", "nobody is there"])
def test_reset_removes_nothing_without_a_yes(state: Path, answer: str) -> None:
    done = call("reset", "--port-offset", NOBODY_USES, said=answer)
    assert done.returncode == 1
    assert "Nothing was removed." in done.stdout
    assert "reset --yes" in done.stdout
    assert state.exists()


@pytest.mark.parametrize(("more", "answer"), [((), "y\n"), (("--yes",), "")])
def test_reset_removes_everything_after_a_yes(state: Path, more: tuple[str, ...], answer: str) -> None:
    done = call("reset", *more, "--port-offset", NOBODY_USES, said=answer)
    assert done.returncode == 0
    assert "The data are gone." in done.stdout
    assert not state.exists()


def test_reset_of_nothing_says_so() -> None:
    done = call("reset", "--yes", "--port-offset", NOBODY_USES)
    assert (done.returncode, "There is nothing to forget" in done.stdout) == (0, True)


def test_logs_of_a_service_are_those_of_its_processes_in_the_order_of_time(state: Path) -> None:
    (state / "logs" / "order-api.log").write_text(
        "2026-11-28T10:00:00.100Z asked\n2026-11-28T10:00:02Z answered\n"
    )
    (state / "logs" / "order-consumer.log").write_text(
        '{"event": "sent", "timestamp": "2026-11-28T10:00:01Z"}\n'
    )
    said = call("logs", "order", "--port-offset", NOBODY_USES).stdout.splitlines()
    assert [line.partition(" | ")[0].strip() for line in said] == ["order-api", "order-consumer", "order-api"]
    assert call("logs", "order", "-n", "1", "--port-offset", NOBODY_USES).stdout.splitlines() == said[-1:]


def test_no_lines_are_no_lines(state: Path) -> None:
    """Red when -0 means all of them."""
    (state / "logs" / "order-api.log").write_text("asked\nanswered\n")
    assert call("logs", "order-api", "-n", "0", "--port-offset", NOBODY_USES).stdout == ""
    refused = call("logs", "order-api", "-n", "-3", "--port-offset", NOBODY_USES)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr


TRACE = "0af7651916cd43dd8448eb211c80319c"
ORDER = "7b0c5d5e-4c9b-4a8e-9d1a-0b2f3c4d5e6f"


@pytest.mark.parametrize("wanted", [TRACE, ORDER], ids=["its trace", "its order"])
def test_the_way_of_an_order_is_shown_over_all_processes(state: Path, wanted: str) -> None:
    logs = state / "logs"
    (logs / "order-api.log").write_text(
        f"2026-11-28T10:00:00.100000Z [info     ] placed          [order] order_id={ORDER} trace_id={TRACE}\n"
        f"2026-11-28T10:00:00.150000Z [info     ] other           [order] trace_id={TRACE[::-1]}\n"
    )
    (logs / "gateway.log").write_text(
        f'{{"event": "request", "status": 201, "trace_id": "{TRACE}", "timestamp": "2026-11-28T10:00:00.120Z"}}\n'
    )
    (logs / "stock-consumer.log").write_text(
        f'{{"trace_id": "{TRACE}", "event": "handled", "type": "stock.reserve.v1", "timestamp": "2026-11-28T10:00:00.350Z"}}\n'
    )
    done = call("logs", "--trace", wanted, "--port-offset", NOBODY_USES)
    said = done.stdout.splitlines()
    assert [line.split()[3] for line in said[:3]] == ["order-api", "gateway", "stock-consumer"]
    assert [line.split()[1] for line in said[:3]] == ["+0", "+20", "+230"]
    assert "handled type=stock.reserve.v1" in said[2]
    assert said[-1] == "3 lines of 3 processes in 250 ms"
    assert len(said) == 5


def test_a_trace_that_nobody_knows_is_an_error(state: Path) -> None:
    done = call("logs", "--trace", TRACE, "--port-offset", NOBODY_USES)
    assert done.returncode == 1
    assert f"No log has a line of {TRACE}." in done.stdout


LISTEN = """
import socket, sys, time
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    print("listening", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def _elsewhere() -> Iterator[None]:
    """A store of another checkout's platform, at the same offset."""
    environment = {**os.environ, MARK: f"/elsewhere/.microcommerce/{OFFSET}"}
    command = [sys.executable, "-c", LISTEN, str(8432 + OFFSET)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        yield
        process.kill()


@pytest.mark.usefixtures("_elsewhere")
@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("chaos",),
        ("restart", "order"),
        ("backup", "/tmp/never-made"),
        ("grant-manager", "alice"),
        ("manage", "order", "showmigrations"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_platform_of_another_checkout_is_not_touched(arguments: tuple[str, ...]) -> None:
    """Red when a second clone works on the data of the first one."""
    done = call(*arguments, "--port-offset", NOBODY_USES)
    assert done.returncode == 1
    assert "The ports of this platform belong to the platform of /elsewhere" in done.stdout
    assert f"--port-offset {OFFSET + 1000 if OFFSET <= 23_000 else 24_000}" in done.stdout


@pytest.mark.usefixtures("_elsewhere")
def test_status_and_up_say_whose_the_ports_are() -> None:
    assert "belong to the platform of /elsewhere" in call("status", "--port-offset", NOBODY_USES).stdout
    said = " ".join(call("up", "--only", "infrastructure", "--port-offset", NOBODY_USES).stdout.split())
    assert "(for postgres) is in use by the platform of /elsewhere" in said
    call("reset", "--yes", "--port-offset", NOBODY_USES)


def test_a_name_that_no_test_has_is_an_error() -> None:
    """Red when a slip of the finger passes for a suite that is green."""
    nothing = Result("basket", 0, 0, 1.0, chose_any=False)
    with pytest.raises(LauncherError, match="No test of basket is meant by -k nosuch"):
        require_any([nothing], ["-k", "nosuch"])
    require_any([nothing, Result("order", 1, 0, 1.0)], ["-k", "cancel"])
