"""Tables of the documents: who talks to whom, made from the declarations; all else there is written by hand."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from launcher.contract.regions import replaced
from launcher.instance import ROOT
from launcher.system import SERVICES, Service, calls, process_name
from shared.contracts import BY_TYPE, TOPICS, Topic
from shared.contracts.golden.document import SENDERS

ARCHITECTURE, KUBERNETES = ROOT / "docs" / "architecture.md", ROOT / "docs" / "kubernetes.md"
STORES = {"postgres": "PostgreSQL", "mongod": "MongoDB"}


def documents() -> dict[Path, str]:
    """Each file, and its text."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    text = replaced(text, "services", _table(("service", *COLUMNS), map(_service, SERVICES)))
    text = replaced(text, "topics", _table(("topic", "who writes", "who reads"), _topics()))
    arrows = _table(("pods", "open connections to"), _arrows())
    return {
        ARCHITECTURE: text,
        KUBERNETES: replaced(KUBERNETES.read_text(encoding="utf-8"), "arrows", arrows),
    }


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = tuple(headings)
    yield ""
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


COLUMNS = ("port", "keeps what it owns in", "processes", "calls", "rows that end")


def _service(owner: Service) -> tuple[str, ...]:
    ends = (f"{what}: {kept.days} days" for what, kept in owner.keeps.items())
    return (
        f"`{owner.name}`",
        str(owner.port),
        STORES.get(str(owner.database), f"Redis, database {owner.redis}"),
        ", ".join(owner.roles),
        ", ".join(owner.calls) or ("every API" if "gateway" in owner.roles else ""),
        "; ".join(ends),
    )


def readers(topic: Topic) -> list[str]:
    """The services that listen to any message of the topic."""
    return [
        owner.name
        for owner in SERVICES
        if any(kind in BY_TYPE and topic == BY_TYPE[kind].TOPIC for kind in owner.listens_to)
    ]


def _topics() -> Iterator[tuple[str, str, str]]:
    for topic in TOPICS:
        kind = " (compacted, one partition)" if topic.compacted else ""
        yield f"`{topic.name}`{kind}", SENDERS[topic.name], ", ".join(readers(topic))
    collectors = ", ".join(each.name for each in SERVICES if each.evidence.dead_letters)
    yield "`*.dead-letter`", "every consumer", f"{collectors}, for managers"
    yield (
        "`<service>.replays`",
        f"{collectors}, when a manager replays a dead letter",
        "the service that gave it up, alone (ADR 0016)",
    )


def _arrows() -> Iterator[tuple[str, str]]:
    for owner in SERVICES:
        for role in owner.roles:
            yield f"`{process_name(owner, role)}`", ", ".join(sorted(calls(owner, role)))
