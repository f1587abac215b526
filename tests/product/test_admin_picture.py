"""The page of the back office on which a product gets its picture."""

from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from gateway.router import Router
from gateway.routes import ROUTES
from tests.product.commands import outbox
from tests.product.uploads import saved, two_halves

if TYPE_CHECKING:
    from rest_framework.test import APIClient

    from tests.product.conftest import MakeProduct

CHANGED = "Somebody else has changed this product"


def page_of(product: Any) -> str:
    return f"/admin/product/product/{product.pk}/picture/"


def send(client: "APIClient", page: str, *files: bytes, seen: int = 1) -> Any:
    form = {"seen": seen, "picture": [SimpleUploadedFile("a.png", file) for file in files]}
    return client.post(page, form, format="multipart")


def test_a_picture_is_set_and_removed(
    manager_client: "APIClient", make_product: "MakeProduct", anonymous_client: "APIClient"
) -> None:
    """Each change leaves with its event. Red when the page saves the row by itself."""
    mug = make_product()
    page = page_of(mug)
    assert "has no picture" in manager_client.get(page).content.decode()
    done = send(manager_client, page, saved(two_halves()))
    assert (done.status_code, done["Location"]) == (302, page)
    shown = manager_client.get(page).content.decode()
    image = anonymous_client.get(f"/api/products/{mug.pk}/").json()["image"]
    assert image in shown
    assert "Mug: picture set." in shown
    removed = manager_client.post(page, "seen=2", content_type="application/x-www-form-urlencoded")
    assert removed.status_code == 302
    assert "has no picture" in manager_client.get(page).content.decode()
    assert [data["version"] for _, data in outbox()] == [1, 2, 3]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ((), "Send one file in the field"),
        ((saved(two_halves()), saved(two_halves())), "more than one file"),
        ((b"",), "The file is empty."),
        ((b"<svg/>",), "By its content this is none of the formats"),
        ((saved(two_halves((9, 9))),), "too small"),
    ],
)
def test_what_is_wrong_stands_beside_the_field(
    manager_client: "APIClient", make_product: "MakeProduct", files: tuple[bytes, ...], why: str
) -> None:
    answer = send(manager_client, page_of(make_product()), *files)
    assert answer.status_code == 200
    text = answer.content.decode()
    assert why in text.partition('id="picture-errors"')[2].partition("</ul>")[0]
    assert len(outbox()) == 1


def test_of_two_managers_the_second_is_told(manager_client: "APIClient", make_product: "MakeProduct") -> None:
    """Red when what somebody did not see is replaced."""
    mug = make_product()
    page = page_of(mug)
    assert send(manager_client, page, saved(two_halves())).status_code == 302
    assert CHANGED in send(manager_client, page, saved(two_halves((70, 70)))).content.decode()
    late = manager_client.post(page, "seen=1", content_type="application/x-www-form-urlencoded")
    assert CHANGED in late.content.decode()
    assert len(outbox()) == 2


def test_who_may(
    customer_client: "APIClient",
    anonymous_client: "APIClient",
    manager_client: "APIClient",
    make_product: "MakeProduct",
) -> None:
    mug = make_product()
    for client, status in ((customer_client, 403), (anonymous_client, 401)):
        assert client.get(page_of(mug)).status_code == status
        assert send(client, page_of(mug), saved(two_halves())).status_code == status
    for unknown in ("f" * 24, "x"):
        assert manager_client.get(f"/admin/product/product/{unknown}/picture/").status_code == 404
    assert len(outbox()) == 1


def test_the_gateway_lets_a_picture_through_and_no_other_long_form() -> None:
    """Red when the general row of the admin is found first."""
    routing = Router(ROUTES)
    for path, body in (
        (b"a/picture/", 10 * 1024 * 1024 + 64 * 1024),
        (b"a/change/", 512 * 1024),
        (b"add/", 512 * 1024),
    ):
        place = routing.find(b"/admin/product/product/" + path)
        assert place
        assert place.routes["POST"].limits.body == body
    for path in (b"/admin/product/category/", b"/admin/product/product/", b"/admin/product/"):
        assert routing.find(path)
