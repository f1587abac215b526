"""Every row of the contract names its tests, and they exist."""

import re

import pytest

from tests.system.contract import HTTP, SENTENCES
from tests.system.endpoints import ENDPOINTS, UNKNOWN_LETTER, UNKNOWN_PRODUCT
from tests.system.platform import ROOT
from tests.system.tables import in_turn


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


def test_every_kind_is_tried_at_every_service_and_every_endpoint_with_some_kind() -> None:
    """Red when a run without the full tables leaves an endpoint out, or a kind at a service."""
    kinds = ("a", "b", "c")
    found = in_turn(kinds, ENDPOINTS, lambda each: each.service)
    assert {row for row, _ in found} == set(map(str, ENDPOINTS))
    services = {str(each): each.service for each in ENDPOINTS}
    assert {(services[row], kind) for row, kind in found} == {
        (service, kind) for service in services.values() for kind in kinds
    }


@pytest.mark.parametrize("row", [*HTTP, *SENTENCES])
def test_a_row_has_its_tests(row: str) -> None:
    """Red when a test that a row names was renamed or taken away."""
    for name in {**HTTP, **SENTENCES}[row]:
        file, _, test = name.partition("::")
        text = (ROOT / "tests" / "system" / file).read_text()
        assert re.search(rf"^ *def {test}\(", text, re.MULTILINE), name
