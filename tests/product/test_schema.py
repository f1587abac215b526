"""The OpenAPI document describes what is there."""

from typing import TYPE_CHECKING

from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

if TYPE_CHECKING:
    from pathlib import Path


def test_the_document_is_made_without_a_warning(tmp_path: "Path") -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yaml"))
    assert (tmp_path / "schema.yaml").stat().st_size > 1000


def test_it_names_every_path_and_query() -> None:
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    assert {path for path in document["paths"] if path.startswith("/api/")} >= {
        "/api/products/",
        "/api/products/{product_id}/",
        "/api/categories/",
        "/api/categories/{category_id}/",
        "/api/categories/{category_id}/products/",
        "/api/categories/{category_id}/products/{product_id}/",
    }
    listed = document["paths"]["/api/products/"]["get"]
    names = {parameter["name"] for parameter in listed["parameters"]}
    assert names >= {
        "page",
        "page_size",
        "search",
        "category",
        "min_price",
        "max_price",
        "ordering",
        "is_active",
    }
    page = listed["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    assert set(document["components"]["schemas"][page.rsplit("/", 1)[1]]["properties"]) == {
        "count",
        "next",
        "previous",
        "results",
    }
