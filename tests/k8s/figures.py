"""What a run on a cluster measured: a line of JSON for each figure, which docs/kubernetes.md repeats."""

import json
import os
from pathlib import Path

FILE = Path("test-results", "k8s.jsonl")


def note(what: str, **values: object) -> None:
    """Add a figure, with the load that it was measured under."""
    FILE.parent.mkdir(exist_ok=True)
    with FILE.open("a") as file:
        file.write(json.dumps({"what": what, **values, "load": round(os.getloadavg()[0], 1)}) + "\n")
