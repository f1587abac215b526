"""Record the sagas of a running platform: `.venv/bin/python -m tests.saga.record_histories v1 [--port-offset N]`.

Takes one saga for each distinct course that events took, newest first, and writes it to
`tests/saga/histories/<release>-<course>.json`.
"""

import argparse
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.contracts import BY_TYPE
from tests.system.records import Records
from tests.system.topics import Topics

FOLDER = Path(__file__).parent / "histories"
MOST = 40
CONSEQUENCES = {"compensating", "compensated", "completed"}  # in a history beside what came in
COMMAND_TOPICS = ("stock.commands", "order.commands", "basket.commands")
EVENT_TOPICS = ("order.events", "stock.events")
COLUMNS = "kind, order_id, customer_id, items, status, reason, cancel_requested, steps, history"
ENDED = ("status", "reason", "cancel_requested", "steps", "history")


def main() -> None:
    """Read the command line and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("release", help="what the files' names begin with")
    parser.add_argument("--port-offset", type=int, default=0)
    chosen = parser.parse_args()
    os.environ["MICROCOMMERCE_PORT_OFFSET"] = str(chosen.port_offset)
    for name, recording in recordings():
        (FOLDER / f"{chosen.release}-{name}.json").write_text(
            json.dumps(recording, indent=1, sort_keys=True) + "\n"
        )


def recordings() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each course once: its name and what the file says."""
    from tests.system.platform import Platform  # reads which platform is meant

    platform = Platform()
    messages = _messages(Topics(platform.urls["kafka"]))
    query = f"SELECT {COLUMNS} FROM saga_saga WHERE status IN ('completed', 'compensated') ORDER BY created_at DESC"
    courses: set[tuple[str, ...]] = set()
    for row in Records(platform.urls).ask("saga", query):
        saga = dict(zip(COLUMNS.split(", "), row, strict=True))
        course = tuple(line["event"] for line in saga["history"])
        if course in courses or len(courses) == MOST:
            continue
        courses.add(course)
        yield f"{len(courses):02}-{saga['status']}", _recording(saga, messages[str(saga["order_id"])])


def _recording(saga: dict[str, Any], messages: dict[str, list[Any]]) -> dict[str, Any]:
    came: dict[str, list[Any]] = {kind: list(data) for kind, data in messages.items()}
    inputs = []
    for line in saga["history"]:
        if line["event"] not in CONSEQUENCES:
            queue = came.get(line["event"]) or [None]
            data = queue.pop(0) if len(queue) > 1 else queue[0]
            inputs.append({"at": line["at"], "event": line["event"], "data": data})
    return {
        "began": {name: str(saga[name]) for name in ("kind", "order_id", "customer_id")}
        | {"items": saga["items"]},
        "inputs": inputs,
        "commands": [
            {"type": kind, "data": data}
            for kind, found in messages.items()
            if BY_TYPE[kind].TOPIC.name in COMMAND_TOPICS
            for data in found
        ],
        "ended": {name: saga[name] for name in ENDED},
    }


def _messages(topics: Topics) -> dict[str, dict[str, list[Any]]]:
    """Order -> type -> what each message said, in the order in which they were sent; each id once."""
    found: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    seen = set()
    for each in sorted(
        topics.all_of(*EVENT_TOPICS, *COMMAND_TOPICS), key=lambda each: each.header("ce_time")
    ):
        if each.id in seen:
            continue
        seen.add(each.id)
        data = json.loads(each.value or b"null")
        if isinstance(data, dict) and "order_id" in data:
            found[str(data["order_id"])][each.header("ce_type")].append(data)
    return found


if __name__ == "__main__":
    main()
