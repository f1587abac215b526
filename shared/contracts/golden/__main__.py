"""`python -m shared.contracts.golden write [TYPE …]`: bring the golden files up to date.

Without a type only what breaks nobody is written. A type that is named is written whatever it breaks.
"""

import argparse
import sys

from shared.contracts import BY_TYPE
from shared.contracts.golden.document import Golden, breaks, path_of, verdict
from shared.contracts.golden.examples import EXAMPLES
from shared.contracts.message import Message


def main(arguments: list[str]) -> int:
    """0 when every file is up to date now."""
    parser = argparse.ArgumentParser(prog="python -m shared.contracts.golden", description=__doc__)
    parser.add_argument("action", choices=["write"])
    parser.add_argument("types", nargs="*", metavar="TYPE", help="such as order.confirmed.v1")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.types) - BY_TYPE.keys()
    if unknown:
        parser.error(f"no contract names {', '.join(sorted(unknown))}")
    failures = [failure for message in EXAMPLES if (failure := _write(message, anyway=chosen.types))]
    sys.stderr.writelines(f"{failure}\n" for failure in failures)
    return 1 if failures else 0


def _write(message: Message, anyway: list[str]) -> str | None:
    path, today = path_of(message.TYPE), Golden.of(message)
    if path.exists() and message.TYPE not in anyway:
        reasons = list(breaks(Golden.read(path), type(message)))
        if reasons:
            return verdict(message.TYPE, reasons)
    if not path.exists() or Golden.read(path) != today:
        today.write(path)
        sys.stdout.write(f"wrote {path.name}\n")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
