"""The catalogue's pages: what they propose is taken, and what it makes can be seen."""

import json
from typing import TYPE_CHECKING

from tests.pages import links, page, proposed, tag

if TYPE_CHECKING:
    import pytest
    from rest_framework.test import APIClient

    from tests.product.conftest import MakeCategory, MakeProduct


def test_the_proposed_product_is_taken_and_seen(
    manager_client: "APIClient", anonymous_client: "APIClient", make_category: "MakeCategory"
) -> None:
    """Red where an example's category is proposed, which no shop has, and without `is_active` in `_new_product`."""
    without = proposed(page(manager_client, "/api/products/"), "POST")
    assert without["categories"] == []
    category = make_category()
    within = proposed(page(manager_client, "/api/products/"), "POST")
    assert within["categories"] == [str(category.pk)]
    for body in (without, within):
        made = manager_client.post("/api/products/", body)
        assert made.status_code == 201
        listed = anonymous_client.get("/api/products/").json()["results"]
        assert made.json()["id"] in {each["id"] for each in listed}


def test_a_products_form_sends_back_what_was_read(
    manager_client: "APIClient", make_product: "MakeProduct", make_category: "MakeCategory"
) -> None:
    """Under the tag that programs read. Red with another tag than JSON's, and where a field is left empty."""
    path = f"/api/products/{make_product(categories=[make_category().pk]).pk}/"
    before = manager_client.get(path)
    text = page(manager_client, path)
    assert tag(text) == before["ETag"]
    for method in ("PUT", "PATCH"):
        body = proposed(text, method)
        changed = manager_client.generic(
            method,
            path,
            json.dumps(body),
            "application/json",
            headers={"If-Match": before["ETag"]},
        )
        assert changed.status_code == 200
        assert {**changed.json(), "version": 0, "updated_at": ""} == {
            **before.json(),
            "version": 0,
            "updated_at": "",
        }
        before = changed


def test_each_category_of_a_product_can_be_left(
    manager_client: "APIClient",
    customer_client: "APIClient",
    anonymous_client: "APIClient",
    make_product: "MakeProduct",
    make_category: "MakeCategory",
) -> None:
    """By a manager, on a page of its own. Red without `page_links`, and where it is offered to everybody."""
    category = make_category()
    product = make_product(categories=[category.pk])
    path, way_out = f"/api/products/{product.pk}/", f"/api/categories/{category.pk}/products/{product.pk}/"
    assert {way_out, f"{path}picture/"} <= links(page(manager_client, path))
    assert "Take the product out" in page(manager_client, way_out)
    for client in (customer_client, anonymous_client):
        assert not {way_out, f"{path}picture/"} & links(page(client, path))
    assert f"/api/basket/items/{product.pk}/" in links(page(customer_client, path))
    assert f"/api/basket/items/{product.pk}/" not in links(page(anonymous_client, path))
    body = proposed(page(manager_client, f"/api/categories/{category.pk}/products/"), "POST")
    assert manager_client.post(f"/api/categories/{category.pk}/products/", body).status_code == 200


def test_a_category_beyond_the_choices_is_kept(
    manager_client: "APIClient",
    make_product: "MakeProduct",
    make_category: "MakeCategory",
    monkeypatch: "pytest.MonkeyPatch",
) -> None:
    """As a box that is ticked. Red without what a product is in among `_choices`: PUT would take it out."""
    monkeypatch.setattr("apps.product.views.products.MOST_CHOICES", 2)
    shelves = [make_category(name) for name in "ABCD"]
    held, other = str(shelves[3].pk), str(shelves[2].pk)
    text = page(manager_client, f"/api/products/{make_product(categories=[shelves[3].pk]).pk}/")
    assert f'value="{held}"' in text
    assert f'value="{other}"' not in text


def test_only_managers_are_offered_the_archive(
    manager_client: "APIClient", customer_client: "APIClient", anonymous_client: "APIClient"
) -> None:
    """And nothing chosen is nothing asked for. Red without `PublicFilters`, and where an empty value is refused."""
    assert 'id="query-is_active"' in page(manager_client, "/api/products/")
    for client in (customer_client, anonymous_client):
        text = page(client, "/api/products/")
        assert 'id="query-ordering"' in text
        assert 'id="query-is_active"' not in text
        assert client.get("/api/products/?is_active=").status_code == 200
        assert client.get("/api/products/?is_active=false").status_code in {401, 403}
