"""Every row of the contract names its tests, and they exist."""

import re

import pytest

from tests.system.contract import HTTP, SENTENCES
from tests.system.endpoints import ENDPOINTS, UNKNOWN_LETTER, UNKNOWN_PRODUCT
from tests.system.platform import ROOT


def test_every_endpoint_is_a_row() -> None:
    """Red when an endpoint of the contract has no row, or one that nobody is tried at."""
    rows = {
        str(endpoint)
        .replace(f"/categories/{UNKNOWN_PRODUCT}/", "/categories/{category}/")
        .replace(f"/{UNKNOWN_PRODUCT}/", "/{product}/")
        .replace(f"/{UNKNOWN_LETTER}/", "/{letter}/")
        for endpoint in ENDPOINTS
    }
    assert rows == {row for row in HTTP if "/api/" in row}  # the others answer anybody


@pytest.mark.parametrize("row", [*HTTP, *SENTENCES])
def test_a_row_has_its_tests(row: str) -> None:
    """Red when a test that a row names was renamed or taken away."""
    for name in {**HTTP, **SENTENCES}[row]:
        file, _, test = name.partition("::")
        text = (ROOT / "tests" / "system" / file).read_text()
        assert re.search(rf"^ *def {test}\(", text, re.MULTILINE), name
