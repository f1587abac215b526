"""Entity tags: reading what is known, changing what was read."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rest_framework.test import APIClient

    from apps.product.models import Product
    from tests.product.conftest import MakeCategory, MakeProduct

STALE = '"00000000000000000000000000000000"'


@pytest.fixture
def mug(make_product: "MakeProduct", make_category: "MakeCategory") -> "Product":
    """A product in a category."""
    return make_product(categories=[make_category().pk])


def address(product: "Product") -> str:
    return f"/api/products/{product.pk}/"


@pytest.mark.parametrize("place", ["product", "/api/products/", "/api/categories/"])
def test_what_is_known_is_not_sent_again(anonymous_client: "APIClient", mug: "Product", place: str) -> None:
    place = address(mug) if place == "product" else place
    tag = anonymous_client.get(place)["ETag"]
    assert tag.startswith('"')
    for known in (tag, f"W/{tag}", f"{STALE}, {tag}", "*"):
        response = anonymous_client.get(place, HTTP_IF_NONE_MATCH=known)
        assert (response.status_code, response.content, response["ETag"]) == (304, b"", tag)
    assert anonymous_client.get(place, HTTP_IF_NONE_MATCH=STALE).status_code == 200


def test_a_tag_changes_with_the_product_and_with_its_category(
    anonymous_client: "APIClient", mug: "Product"
) -> None:
    from apps.product import operations

    tags = [anonymous_client.get(address(mug))["ETag"]]
    operations.change_product(str(mug.pk), {"description": "New."})
    tags.append(anonymous_client.get(address(mug))["ETag"])
    operations.change_category(str(mug.categories[0]), {"name": "Renamed"})
    tags.append(anonymous_client.get(address(mug))["ETag"])
    assert len(set(tags)) == 3


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize("given", ["stale", "weak", "nonsense", "empty"])
def test_a_stale_tag_changes_nothing(
    manager_client: "APIClient", mug: "Product", method: str, given: str
) -> None:
    tag = manager_client.get(address(mug))["ETag"]
    header = {"stale": STALE, "weak": f"W/{tag}", "nonsense": "yes", "empty": ""}[given]
    response = getattr(manager_client, method)(
        address(mug), {"name": "New", "price": "1.00"}, HTTP_IF_MATCH=header
    )
    assert response.status_code == 412
    assert response.json()["type"].endswith("/problems/precondition-failed")
    assert response["ETag"] == tag
    assert manager_client.get(address(mug))["ETag"] == tag


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize("given", ["current", "one of two", "any", "none"])
def test_the_current_tag_or_none_allows_the_change(
    manager_client: "APIClient", mug: "Product", method: str, given: str
) -> None:
    tag = manager_client.get(address(mug))["ETag"]
    header = {"current": tag, "one of two": f"{STALE}, {tag}", "any": "*"}.get(given)
    headers = {} if header is None else {"HTTP_IF_MATCH": header}
    response = getattr(manager_client, method)(address(mug), {"name": "New", "price": "1.00"}, **headers)
    assert response.status_code in {200, 204}
    assert manager_client.get(address(mug)).json()["version"] == 2


def test_the_tag_of_an_answer_is_the_next_precondition(manager_client: "APIClient") -> None:
    made = manager_client.post("/api/products/", {"name": "Mug", "price": "1.00"})
    changed = manager_client.patch(made["Location"], {"price": "2.00"}, HTTP_IF_MATCH=made["ETag"])
    assert changed.status_code == 200
    assert (
        manager_client.patch(made["Location"], {"price": "3.00"}, HTTP_IF_MATCH=made["ETag"]).status_code
        == 412
    )
    assert (
        manager_client.patch(made["Location"], {"price": "3.00"}, HTTP_IF_MATCH=changed["ETag"]).status_code
        == 200
    )


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_categorys_tag_guards_it_too(
    manager_client: "APIClient", make_category: "MakeCategory", method: str
) -> None:
    """Red when If-Match is not read for a category, or the tag of an answer is not the one to name."""
    place = f"/api/categories/{make_category().pk}/"
    tag = manager_client.get(place)["ETag"]
    body = {"name": "Pantry"}
    refused = getattr(manager_client, method)(place, body, HTTP_IF_MATCH=STALE)
    assert (refused.status_code, refused["ETag"]) == (412, tag)
    assert refused.json()["type"].endswith("/problems/precondition-failed")
    assert manager_client.get(place)["ETag"] == tag
    assert getattr(manager_client, method)(place, body, HTTP_IF_MATCH=tag).status_code in {200, 204}
    assert getattr(manager_client, method)(place, body, HTTP_IF_MATCH=tag).status_code in {404, 412}


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize("given", ["any", "current", "weak"])
def test_a_change_only_of_what_is_not_there_changes_nothing(
    manager_client: "APIClient", mug: "Product", method: str, given: str
) -> None:
    """Red when If-None-Match is not read for a change."""
    tag = manager_client.get(address(mug))["ETag"]
    header = {"any": "*", "current": f"{STALE}, {tag}", "weak": f"W/{tag}"}[given]
    body = {"name": "New", "price": "1.00"}
    refused = getattr(manager_client, method)(address(mug), body, HTTP_IF_NONE_MATCH=header)
    assert (refused.status_code, refused["ETag"]) == (412, tag)
    assert manager_client.get(address(mug))["ETag"] == tag
    done = getattr(manager_client, method)(address(mug), body, HTTP_IF_NONE_MATCH=STALE)
    assert done.status_code in {200, 204}


@pytest.mark.parametrize(
    "place", ["product", "/api/products/", "/api/categories/", "/media/products/pocket-kite.svg"]
)
def test_a_read_of_one_state_and_no_other(anonymous_client: "APIClient", mug: "Product", place: str) -> None:
    """Red when If-Match is not read for GET: the second part of an answer would come from another state."""
    place = address(mug) if place == "product" else place
    tag = anonymous_client.get(place)["ETag"]
    assert anonymous_client.get(place, HTTP_IF_MATCH=tag).status_code == 200
    refused = anonymous_client.get(place, HTTP_IF_MATCH=STALE)
    assert (refused.status_code, refused["ETag"]) == (412, tag)
    assert refused["Content-Type"] == "application/problem+json"
