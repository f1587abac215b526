"""Fixtures that every test may ask for."""

import pytest

pytest_plugins = ("shared.testing.fixtures",)


@pytest.fixture(autouse=True)
def figures_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the numbers that another has left in the cache."""
    monkeypatch.setattr("shared.admin.figures.SECONDS_KEPT", 0)
