"""Keep what a release says and understands: `python -m tests.shared.contracts.record_release v1`.

Writes `tests/shared/contracts/releases/<release>.json`: for every type of message the JSON Schema that the release's
consumers go by, and messages as its producers send them. Done once for a release, and never again.
"""

import json
import sys
from pathlib import Path
from typing import Any

from shared.contracts import Message
from shared.contracts.golden.examples import EXAMPLES

FOLDER = Path(__file__).parent / "releases"


def recorded(message: Message) -> dict[str, Any]:
    """The schema of a type, and messages of it: with all that they can have, and with what they must have."""
    full = json.loads(message.model_dump_json())
    least = json.loads(message.model_dump_json(exclude_defaults=True, include=_required(message)))
    return {"schema": type(message).model_json_schema(), "messages": [full, least]}


def _required(message: Message) -> set[str]:
    return {name for name, field in type(message).model_fields.items() if field.is_required()}


def main(release: str) -> None:
    """Write the file of `release`."""
    path = FOLDER / f"{release}.json"
    if path.exists():
        sys.exit(f"{path.name} is there already: what a release said does not change. Take another name.")
    found = {message.TYPE: recorded(message) for message in EXAMPLES}
    path.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
