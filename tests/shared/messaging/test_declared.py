"""A service hears what it declares: a system check compares `service.py` with `handlers.py` before `consume` begins."""

from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from apps.order import handlers
from shared.contracts.topics import REPLAYS
from shared.declaration import Process, Service
from shared.messaging.checks import listens_as_declared
from shared.messaging.listener import Listener

GOOD: Service = settings.SERVICE


def found(change: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(settings, "SERVICE", replace(GOOD, **change))
    return {str(each.id): f"{each.msg} {each.hint or ''}" for each in listens_as_declared()}


def test_what_is_declared_well_is_let_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found({}, monkeypatch) == {}


@pytest.mark.parametrize(
    ("change", "id_", "said"),
    [
        ({"writes": ("order.event",)}, "messaging.E001", "did you mean 'order.events'?"),
        (
            {"listens_to": (*GOOD.listens_to[1:], "order.confrm.v1")},
            "messaging.E002",
            "did you mean 'order.confirm.v1'?",
        ),
        (
            {"listens_to": GOOD.listens_to[1:]},
            "messaging.E005",
            "handles order.confirm.v1, and its service.py",
        ),
        (
            {"listens_to": (*GOOD.listens_to, "stock.reserve.v1")},
            "messaging.E005",
            "declares that it hears stock.reserve.v1, and its handlers.py",
        ),
        ({"listens_to": (), "processes": (Process("api"),)}, "messaging.E005", "handles"),
    ],
)
def test_what_is_declared_and_not_so_is_named(
    change: dict[str, Any], id_: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said in found(change, monkeypatch)[id_]


def test_what_it_gives_up_must_be_able_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(REPLAYS, "order")
    assert "REPLAYS in shared/contracts/topics.py" in found({}, monkeypatch)["messaging.E003"]


@pytest.mark.parametrize("listener", [None, {"handlers": handlers.HANDLERS}])
def test_a_service_without_a_listener_does_not_start(
    listener: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red when `consume` begins and hears nothing."""
    monkeypatch.setattr(handlers, "LISTENER", listener)
    with pytest.raises(SystemCheckError, match=r"messaging\.E004"):
        call_command("consume", skip_checks=False)


def test_a_misspelt_part_of_a_listener_is_refused() -> None:
    """Red when a job that is declared under a wrong name is never done."""
    with pytest.raises(TypeError, match="perodic"):
        Listener(handlers=handlers.HANDLERS, perodic=[])  # type: ignore[call-arg]
