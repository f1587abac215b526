"""What the check of migrations refuses, and what it lets pass (docs/operations.md, upgrading)."""

import re
import subprocess
import sys

from launcher.instance import ROOT, Instance
from launcher.services import environment
from launcher.system import service
from tests.launcher.linting import RELEASES

REFUSED = {
    "0901_drop_column": "DROPPING columns",
    "0903_drop_table": "DROPPING table",
    "0904_no_default": "NOT NULL constraint on columns",
    "0907_becomes_not_null": "NOT NULL constraint on columns",
    "0908_rename": "RENAMING columns",
    "0909_retype": "ALTERING columns",
    "0910_check": "AddConstraintNotValid",
    "0912_index": "CREATE INDEX locks table",
    "0915_positive": "AddConstraintNotValid",
    "0914_sql": "DROPPING columns",
}


def test_what_running_code_cannot_live_with_is_refused_and_nothing_else() -> None:
    """Red when a check is among those left out, or `_contract_` no longer lets a migration drop."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.launcher.linting"],
        cwd=ROOT,
        env=environment(service("order"), Instance()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = re.split(r"^\(order, (\w+)\)... ERR\n", done.stdout, flags=re.MULTILINE)
    assert told[0] == ""
    found = dict(zip(told[1::2], told[2::2], strict=True))
    assert found.keys() == REFUSED.keys(), f"of {RELEASES.keys()}"
    for name, reason in REFUSED.items():
        assert reason in found[name]
