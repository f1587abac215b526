"""Pictures that managers upload, and shoppers see."""

import io
import json

import requests
from PIL import Image
from playwright.sync_api import FilePayload

from tests.system.conftest import OpenWindow
from tests.system.keycloak import Account
from tests.system.pictures import png
from tests.system.problems import problem
from tests.system.shop import Shop
from tests.system.shopper import Shopper
from tests.system.topics import Topics
from tests.system.waiting import eventually

MIB = 1024 * 1024


def test_mia_sets_a_picture_in_her_browser(
    shop: Shop, new_window: OpenWindow, anybody: Shopper, topics: Topics
) -> None:
    """The catalogue shows it, and its event is on Kafka. Red when the gateway takes the page's form for any other one."""
    piece = shop.product(stock=1)
    window = new_window()
    window.sign_in(Account("mia", "mia"), f"/admin/product/product/{piece.id}/change/")
    page = window.page
    page.get_by_role("link", name="Picture", exact=True).click()
    large = FilePayload(name="holiday.png", mimeType="image/png", buffer=png() + bytes(2 * MIB))
    page.get_by_label("File:").set_input_files(large)
    page.get_by_role("button", name="Set the picture").click()
    page.get_by_text("picture set").wait_for()
    image = anybody.read(f"/api/products/{piece.id}/")["image"]
    shown = page.get_by_role("img", name=f"The picture of {piece.name}")
    assert shown.get_attribute("src") == image
    assert shown.evaluate("image => image.complete && image.naturalWidth") == 640
    served = requests.get(image, timeout=30)
    assert (served.status_code, served.headers["Content-Type"]) == (200, "image/webp")
    assert window.is_sound()
    eventually(
        lambda: [
            (each.header("ce_type"), json.loads(each.value or b"")["version"])
            for each in topics.all_of("product.events")
            if each.key == piece.id.encode()
        ],
        lambda told: ("product.updated.v1", 2) in told,
        what="the event of the picture",
    )


def test_a_manager_uploads_a_picture(shop: Shop, anybody: Shopper) -> None:
    """Anybody sees it in each width, and no more when it is taken away. Red without the route's own limit of bytes."""
    piece = shop.product(stock=1)
    path = f"/api/products/{piece.id}/"
    tag = shop.manager.send("GET", path).headers["ETag"]
    padded = png((2000, 1500)) + bytes(
        9 * MIB
    )  # nearly as long as may be; what stands behind a picture is dropped
    answer = shop.manager.send("PUT", f"{path}picture/", files={"picture": padded}, headers={"If-Match": tag})
    assert answer.status_code == 200, answer.text
    seen = anybody.read(path)
    assert seen == answer.json()
    assert seen["version"] == 2
    for width in (320, 800, 1600):
        served = requests.get(seen["image"].replace("-800.webp", f"-{width}.webp"), timeout=30)
        assert (served.status_code, served.headers["Content-Type"]) == (200, "image/webp")
        assert "immutable" in served.headers["Cache-Control"]
        assert Image.open(io.BytesIO(served.content)).width == width
    late = shop.manager.send("PUT", f"{path}picture/", files={"picture": png()}, headers={"If-Match": tag})
    problem(late, 412, "precondition-failed")
    assert shop.manager.send("DELETE", f"{path}picture/").status_code == 204
    assert anybody.read(path)["image"] == ""


def test_what_is_no_picture_changes_nothing(shop: Shop, anybody: Shopper) -> None:
    """Too long is refused at the gateway, all else by content. Red when a name or a type is believed."""
    piece = shop.product(stock=1)
    path = f"/api/products/{piece.id}/picture/"
    before = anybody.read(f"/api/products/{piece.id}/")
    long = {"picture": ("a.png", png() + bytes(11 * MIB), "image/png")}
    problem(shop.manager.send("PUT", path, files=long), 413, "content-too-large")
    svg = {"picture": ("a.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/png")}
    problem(shop.manager.send("PUT", path, files=svg), 415, "unsupported-media-type")
    problem(shop.manager.send("PUT", path, files={"picture": png()[:100]}), 400, "validation-error")
    assert anybody.read(f"/api/products/{piece.id}/") == before
