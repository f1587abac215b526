"""The small API that stands for every service's."""

import pytest
from pytest_django import Settings


@pytest.fixture
def small_api(settings: Settings) -> None:
    """Answer requests with `tests.shared.http.api`."""
    settings.ROOT_URLCONF = "tests.shared.http.api"
