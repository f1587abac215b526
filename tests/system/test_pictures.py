"""Pictures that managers upload, and shoppers see (issue 10)."""

import io

import requests
from PIL import Image

from tests.system.pictures import png
from tests.system.problems import problem
from tests.system.shop import Shop
from tests.system.shopper import Shopper

MIB = 1024 * 1024


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
