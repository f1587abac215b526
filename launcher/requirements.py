"""Write the locks of `requirements/` and the bill of materials: every version and hash, for every platform that Python 3.11 or later runs on.

`python -m launcher.requirements [--upgrade]`
"""

import json
import subprocess
import sys

from launcher.bootstrap import PYTHON, REQUIREMENTS, VENV
from launcher.package_index import environment_for_uv

OPTIONS = ("--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--quiet")
# The first one decides; the others have the same versions of what they share with it.
LOCKS = ("run", "service", "test", "uv")


def lock(arguments: list[str]) -> None:
    """Compile each `.in` file to its `.txt`; what is pinned already stays unless `--upgrade` is among the arguments."""
    environment, uv = environment_for_uv(str(PYTHON)), str(VENV / "bin" / "uv")
    for name in LOCKS:
        same = [] if name == LOCKS[0] else ["--constraint", "requirements/run.txt"]
        source, target = f"requirements/{name}.in", f"requirements/{name}.txt"
        command = [uv, "pip", "compile", *OPTIONS, *same, *arguments, "--output-file", target, source]
        subprocess.run(command, cwd=REQUIREMENTS.parent, env=environment, check=True)


def bill_of_materials() -> None:
    """Write what a service is made of as CycloneDX 1.6, from its lock."""
    options = ("--output-reproducible", "--spec-version", "1.6", str(REQUIREMENTS / "service.txt"))
    command = [str(VENV / "bin" / "cyclonedx-py"), "requirements", *options]
    bill = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    bill.pop("metadata", None)  # about the tool
    for component in bill["components"]:  # each file's address and hash are in the lock: said once
        component.pop("externalReferences", None)
        component.pop("description", None)
    (REQUIREMENTS / "sbom.json").write_text(json.dumps(bill, indent=1) + "\n")


if __name__ == "__main__":
    lock(sys.argv[1:])
    bill_of_materials()
