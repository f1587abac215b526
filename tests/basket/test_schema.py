"""The OpenAPI document describes what is there."""

import json
from pathlib import Path

from django.core.management import call_command


def test_the_document_is_complete_and_made_without_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "schema.json"

    call_command("spectacular", validate=True, fail_on_warn=True, format="openapi-json", file=str(file))

    paths = json.loads(file.read_text())["paths"]
    assert {path: set(operations) for path, operations in paths.items()} == {
        "/api/basket/": {"get", "put", "delete"},
        "/api/basket/items/{product_id}/": {"put", "delete"},
    }
    for operations in paths.values():
        for operation in operations.values():
            assert operation["security"] == [{"bearer": []}]
            assert "application/problem+json" in operation["responses"]["default"]["content"]
