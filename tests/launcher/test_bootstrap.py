"""From a bare Python to a virtual environment, in a copy of the checkout whose locks are empty: no network."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.instance import ROOT

BARE = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """What bootstrap needs, and a command line that only says where it runs."""
    checkout = tmp_path / "bare"
    (checkout / "launcher").mkdir(parents=True)
    shutil.copy(ROOT / "manage_all.py", checkout)
    for name in ("__init__", "bootstrap", "errors", "instance", "package_index"):
        shutil.copy(ROOT / "launcher" / f"{name}.py", checkout / "launcher")
    (checkout / "launcher" / "cli.py").write_text(
        "import sys\ndef main(): print('inside', sys.prefix, *sys.argv[1:])\n"
    )
    (checkout / "requirements").mkdir()
    for name in ("run", "test", "uv"):
        (checkout / "requirements" / f"{name}.txt").write_text("# nothing\n")
    return checkout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment, made once: that takes seconds."""
    directory = tmp_path_factory.mktemp("made") / ".venv"
    subprocess.run([BARE, "-m", "venv", directory], check=True)
    return directory


@pytest.fixture
def checkout(bare: Path, made: Path) -> Path:
    """The same with a virtual environment in which nothing was installed yet."""
    shutil.copytree(made, bare / ".venv", symlinks=True)
    return bare


def start(checkout: Path, *arguments: str, directory: Path = Path("/")) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(BARE), str(checkout / "manage_all.py"), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=directory, timeout=300
    )


def test_the_first_run_installs_and_goes_on_inside_and_the_second_finds_it_done(bare: Path) -> None:
    first = start(bare, "up", "--port-offset", "5")
    assert first.stdout.endswith(f"inside {bare / '.venv'} up --port-offset 5\n"), first.stderr
    assert "Installing what Microcommerce needs" in first.stderr
    second = start(bare, "status")
    assert second.stdout == f"inside {bare / '.venv'} status\n"
    assert second.stderr == ""


def test_another_lock_is_installed_again_and_tests_have_their_own(checkout: Path) -> None:
    assert "requirements/run.txt" in start(checkout, "up").stderr
    assert "requirements/test.txt" in start(checkout, "test").stderr
    (checkout / "requirements" / "run.txt").write_text("# something else\n")
    assert "requirements/run.txt" in start(checkout, "up").stderr
    assert set(json.loads((checkout / ".venv" / "microcommerce-installed.json").read_text())) == {"run"}


def test_an_environment_that_does_not_work_is_made_anew(checkout: Path) -> None:
    (checkout / ".venv" / "bin" / "python").unlink()
    (checkout / ".venv" / "bin" / "python").symlink_to("/nowhere/python")
    assert start(checkout, "up").stdout.endswith(f"inside {checkout / '.venv'} up\n")


def test_what_cannot_be_installed_ends_with_the_way_out(checkout: Path) -> None:
    """A hash that no file has: pip and uv both refuse."""
    (checkout / "requirements" / "run.txt").write_text(f"./nothing-here --hash=sha256:{'0' * 64}\n")
    done = start(checkout, "up")
    assert done.returncode == 1
    assert "Check the network" in done.stderr
    assert "Traceback" not in done.stderr
    assert "inside" not in done.stdout


def test_a_python_without_venv_is_told_what_to_install(bare: Path) -> None:
    (bare / "venv.py").write_text("raise SystemExit('ensurepip is not available')")
    done = start(bare, "up", directory=bare)
    assert done.returncode == 1
    assert "ensurepip is not available" in done.stderr
    assert "apt install python3" in done.stderr
