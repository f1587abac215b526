"""Fixtures that every test may ask for."""

import os
import sys

import pytest

if not {"DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER"} & os.environ.keys():
    from tests import by_hand

    by_hand.prepare(sys.argv[1:])  # before any other conftest: those import what needs a service's settings

pytest_plugins = ("shared.testing.fixtures",)


@pytest.fixture(autouse=True)
def figures_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the numbers that another has left in the cache."""
    monkeypatch.setattr("shared.admin.figures.SECONDS_KEPT", 0)
