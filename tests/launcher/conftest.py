"""A supervisor for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.instance import Instance
from tests.launcher.programs import supervised


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    with supervised(tmp_path) as found:
        yield found
