"""What `up` tells at its end is so: addresses of what runs, and nothing to try that cannot work."""

import pytest

from launcher import platform
from launcher.console import console, welcome
from launcher.instance import Instance


def said_when_running(names: set[str], monkeypatch: pytest.MonkeyPatch) -> str:
    instance = Instance(1000)
    found = [
        each | {"state": "running" if each["name"] in names or not names else "stopped"}
        for each in platform.table(instance)
    ]
    monkeypatch.setattr(platform, "processes", lambda _: found)
    with console.capture() as captured:
        welcome(instance)
    return captured.get()


def test_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    said = said_when_running(set(), monkeypatch)
    assert "http://localhost:9000/api/products/" in said
    assert "alice (customer)" in said
    assert "check --port-offset 1000" in said


def test_a_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """`up --only basket`. Red when it prints addresses where nobody answers."""
    said = said_when_running({"redis", "kafka", "basket-api", "basket-consumer"}, monkeypatch)
    assert "http://127.0.0.1:9004" in said
    assert "127.0.0.1:9092" in said
    for nobody in ("localhost:9000", "9080", "9432", "alice", "curl", "check"):
        assert nobody not in said, nobody
