"""Managers upload pictures: what is taken, what becomes of it, what is refused, and how it is served."""

import re
import struct
import threading
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageCms

from apps.product import imaging, uploads
from apps.product.errors import BadPicture
from gateway.routes import ROUTES
from tests.product.commands import outbox
from tests.product.uploads import (
    BLUE,
    MEDIA,
    RED,
    bomb,
    chunk,
    in_width,
    moving,
    opened,
    png_with_texts,
    saved,
    two_halves,
    upload,
    with_metadata,
)

if TYPE_CHECKING:
    from rest_framework.test import APIClient

    from tests.product.conftest import MakeProduct

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
WEBP_HEAD = (
    b"RIFF\x00\x01\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00" + b"\xff\x3f\x00" * 2 + b"\x00" * 300
)


def near(colour: Any, wanted: tuple[int, int, int]) -> bool:
    return all(abs(one - other) < 12 for one, other in zip(colour[:3], wanted, strict=True))


def shown(client: "APIClient", product: dict[str, Any], width: int = 800) -> Image.Image:
    """What a browser gets for a product's picture."""
    answer = client.get(in_width(product["image"], width))
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp")
    return opened(answer.content)


@pytest.mark.parametrize(
    ("kind", "content_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "text/html")]
)
def test_a_picture_is_uploaded(
    manager_client: "APIClient",
    anonymous_client: "APIClient",
    make_product: "MakeProduct",
    kind: str,
    content_type: str,
) -> None:
    """Red when the version does not rise, the event does not leave, or a width is not served."""
    mug = make_product()
    answer = upload(
        manager_client, mug.pk, saved(two_halves((2000, 1000)), kind), name="x.exe", kind=content_type
    )
    assert answer.status_code == 200, answer.content
    product = answer.json()
    assert re.fullmatch(rf"http://localhost:8000{MEDIA}[0-9a-f]{{40}}-800\.webp", product["image"])
    assert product["version"] == 2
    assert [(kind, data["version"]) for kind, data in outbox()[1:]] == [("product.updated.v1", 2)]
    read = anonymous_client.get(f"/api/products/{mug.pk}/")
    assert (read.json(), read["ETag"]) == (product, answer["ETag"])
    for width in (320, 800, 1600):
        picture = shown(anonymous_client, product, width)
        assert (picture.format, picture.size) == ("WEBP", (width, width // 2))
        assert near(picture.getpixel((width // 4, 10)), RED)
        assert near(picture.getpixel((width * 3 // 4, 10)), BLUE)


def test_what_was_read_can_be_sent_back(manager_client: "APIClient", make_product: "MakeProduct") -> None:
    mug = make_product()
    product = upload(manager_client, mug.pk, saved(two_halves())).json()
    assert manager_client.put(f"/api/products/{mug.pk}/", product).json() == product


def test_none_is_drawn_larger_than_it_came(
    manager_client: "APIClient", anonymous_client: "APIClient", make_product: "MakeProduct"
) -> None:
    product = upload(manager_client, make_product().pk, saved(two_halves((400, 300)))).json()
    sizes = [shown(anonymous_client, product, width).size for width in (320, 800, 1600)]
    assert sizes == [(320, 240), (400, 300), (400, 300)]


def test_the_same_picture_has_the_same_address_and_changes_nothing(
    manager_client: "APIClient", make_product: "MakeProduct"
) -> None:
    mug, pan = make_product(), make_product("Pan")
    first, again = (upload(manager_client, mug.pk, saved(two_halves())).json() for _ in range(2))
    assert first == again
    assert upload(manager_client, pan.pk, saved(two_halves())).json()["image"] == first["image"]
    assert upload(manager_client, pan.pk, saved(two_halves((901, 600)))).json()["image"] != first["image"]
    assert [data["version"] for _, data in outbox()] == [1, 1, 2, 2, 3]


def test_a_picture_is_removed(manager_client: "APIClient", make_product: "MakeProduct") -> None:
    mug = make_product()
    address = f"/api/products/{mug.pk}/picture/"
    upload(manager_client, mug.pk, saved(two_halves()))
    for _ in range(2):
        assert manager_client.delete(address).status_code == 204
    product = manager_client.get(f"/api/products/{mug.pk}/").json()
    assert (product["image"], product["version"]) == ("", 3)


def test_who_has_seen_an_older_state_is_told(
    manager_client: "APIClient", make_product: "MakeProduct"
) -> None:
    """Red without the precondition: of two managers the slower one would win."""
    mug = make_product()
    address = f"/api/products/{mug.pk}/"
    old = manager_client.get(address)["ETag"]
    good = upload(manager_client, mug.pk, saved(two_halves()), HTTP_IF_MATCH=old)
    assert good.status_code == 200
    late = upload(manager_client, mug.pk, saved(two_halves((50, 50))), HTTP_IF_MATCH=old)
    assert (late.status_code, late["ETag"]) == (412, good["ETag"])
    assert manager_client.delete(f"{address}picture/", HTTP_IF_MATCH=old).status_code == 412
    assert manager_client.get(address).json() == good.json()


def test_it_changed_while_the_picture_was_drawn(
    manager_client: "APIClient", make_product: "MakeProduct", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red when the state is looked at before the work, and not with the change."""
    mug = make_product()
    address = f"/api/products/{mug.pk}/"
    draw = imaging.draw

    def slowly(data: bytes) -> imaging.Picture:
        assert manager_client.patch(address, {"price": "9.00"}).status_code == 200
        return draw(data)

    monkeypatch.setattr(uploads, "draw", slowly)
    tag = manager_client.get(address)["ETag"]
    assert upload(manager_client, mug.pk, saved(two_halves()), HTTP_IF_MATCH=tag).status_code == 412
    assert manager_client.get(address).json()["image"] == ""


def test_only_managers(
    customer_client: "APIClient", anonymous_client: "APIClient", make_product: "MakeProduct"
) -> None:
    mug = make_product()
    for client, status in ((customer_client, 403), (anonymous_client, 401)):
        assert upload(client, mug.pk, saved(two_halves())).status_code == status
        assert client.delete(f"/api/products/{mug.pk}/picture/").status_code == status
    assert len(outbox()) == 1


def test_of_an_unknown_product(manager_client: "APIClient") -> None:
    assert upload(manager_client, "f" * 24, saved(two_halves())).status_code == 404
    assert manager_client.delete(f"/api/products/{'f' * 24}/picture/").status_code == 404


REFUSED = {
    "nothing": (b"", 400, "empty"),
    "an SVG": (SVG, 415, ""),
    "a page": (b"<html><script>alert(1)</script></html>", 415, ""),
    "a GIF": (saved(two_halves(), "GIF"), 415, ""),
    "a BMP": (saved(two_halves(), "BMP"), 415, ""),
    "a TIFF": (saved(two_halves(), "TIFF"), 415, ""),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", 415, ""),
    "an SVG behind the signature of a PNG": (b"\x89PNG\r\n\x1a\n" + SVG, 400, "broken"),
    "an SVG behind the signature of a JPEG": (b"\xff\xd8\xff\xe0" + SVG, 400, "broken"),
    "a WebP that moves": (moving("WEBP"), 400, "animated"),
    "a PNG that moves": (moving("PNG"), 400, "animated"),
    "half a JPEG": (saved(two_halves(), "JPEG")[:2000], 400, "broken"),
    "half a PNG": (saved(Image.effect_noise((300, 300), 90))[:5000], 400, "broken"),
    "half a WebP": (saved(Image.effect_noise((300, 300), 90), "WEBP")[:2000], 400, "broken"),
    "one pixel": (saved(two_halves((1, 1))), 400, "too_small"),
    "a line": (saved(two_halves((2000, 31))), 400, "too_small"),
    "25 million pixels and more": (bomb(5001, 5001), 400, "too_large"),
    "a long line": (bomb(12_001, 40), 400, "too_large"),
    "two gigapixels": (bomb(50_000, 100)[:16] + struct.pack(">II", 46_000, 46_000) + bomb(50_000, 100)[24:], 400, "broken"),
    "a WebP's head of 268 megapixels": (WEBP_HEAD, 400, "too_large"),
    "a JPEG's head of four gigapixels": (b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00", 400, "too_large"),
    "a JPEG of a thousand passes": (saved(two_halves(), "JPEG")[:-2] + b"\xff\xda\x00\x02" * 1000 + b"\xff\xd9", 400, "broken"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(manager_client: "APIClient", make_product: "MakeProduct", what: str) -> None:
    """Red when any of it becomes a picture, a 500, or a refusal that does not say why."""
    data, status, code = REFUSED[what]
    mug = make_product()
    answer = upload(manager_client, mug.pk, data, name="good.png")
    assert answer.status_code == status, answer.content
    problem = answer.json()
    assert answer["Content-Type"] == "application/problem+json"
    if code:
        assert [(error["field"], error["code"]) for error in problem["errors"]] == [("picture", code)]
    else:
        assert "JPEG, PNG or WebP" in problem["detail"]
    assert manager_client.get(f"/api/products/{mug.pk}/").json()["version"] == 1


def test_a_doubled_size_in_a_header_is_found_by_its_checksum() -> None:
    """What the table calls two gigapixels says so in a chunk whose sum is wrong; here with the right one."""
    head = struct.pack(">IIBBBBB", 46_000, 46_000, 8, 2, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\x00"))
        + chunk(b"IEND", b"")
    )
    with pytest.raises(BadPicture) as refused:
        imaging.draw(data)
    assert "too many pixels" in str(refused.value)


def test_a_form_without_a_picture(manager_client: "APIClient", make_product: "MakeProduct") -> None:
    mug = make_product()
    address = f"/api/products/{mug.pk}/picture/"
    good = saved(two_halves())
    for answer, code in (
        (upload(manager_client, mug.pk), "required"),
        (upload(manager_client, mug.pk, good, good), "repeated"),
        (manager_client.put(address, {"picture": "a text"}, format="multipart"), "required"),
    ):
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)
    assert manager_client.put(address, {"picture": "x"}).status_code == 415
    assert manager_client.put(address, good, content_type="image/png").status_code == 415
    for broken in ("multipart/form-data", "multipart/form-data; boundary=x"):
        answer = manager_client.put(address, good, content_type=broken)
        assert answer.status_code == 400, answer.content
    assert manager_client.put(address, b"", content_type="multipart/form-data; boundary=x").status_code == 400
    assert len(outbox()) == 1


def test_a_file_that_is_too_large(manager_client: "APIClient", make_product: "MakeProduct") -> None:
    """Red when only the gateway, whose limit is of the whole body, would notice."""
    mug = make_product()
    for size in (uploads.MOST_BYTES + 1, uploads.MOST_BODY + 1):
        answer = upload(manager_client, mug.pk, saved(two_halves()) + bytes(size - len(saved(two_halves()))))
        assert answer.status_code == 413
        assert answer.json()["type"].endswith("/problems/content-too-large")


def test_the_gateway_takes_what_the_service_takes() -> None:
    route = next(
        each for each in ROUTES if each.path == "/api/products/{id}/picture/" and each.methods == "PUT"
    )
    assert route.limits.body == uploads.MOST_BODY
    assert route.limits.seconds > uploads.WAIT_SECONDS


@pytest.mark.parametrize("data", [with_metadata(), png_with_texts()], ids=["JPEG", "PNG"])
def test_nothing_but_pixels_is_kept(
    manager_client: "APIClient", anonymous_client: "APIClient", make_product: "MakeProduct", data: bytes
) -> None:
    """Red when a place, a name, a profile, or a page behind the picture is served (a polyglot is a picture afterwards)."""
    assert b"Secret" in data
    product = upload(manager_client, make_product().pk, data).json()
    for width in (320, 800, 1600):
        served = anonymous_client.get(in_width(product["image"], width)).content
        assert not re.search(rb"Secret|script|html|EXIF|XMP|ICCP|Exif|meta", served)
        kinds = {served[start : start + 4] for start in _chunks(served)}
        assert kinds <= {b"VP8 ", b"VP8L"}


def _chunks(webp: bytes) -> list[int]:
    found, place = [], 12
    while place < len(webp):
        found.append(place)
        size = int.from_bytes(webp[place + 4 : place + 8], "little")
        place += 8 + size + size % 2
    return found


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(orientation: int) -> None:
    """Red when a telephone's picture lies on its side: what it was taken as is in what is thrown away."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = two_halves((600, 300))
    back = {
        2: 0,
        3: 3,
        4: 1,
        5: 5,
        6: 2,
        7: 6,
        8: 4,
    }  # as the camera held it: the inverse of what is to be done
    taken = upright if orientation == 1 else upright.transpose(Image.Transpose(back[orientation]))
    picture = opened(imaging.draw(saved(taken, "JPEG", exif=exif, quality=95)).files[800])
    assert picture.size == (600, 300)
    assert near(picture.getpixel((100, 150)), RED)
    assert near(picture.getpixel((500, 150)), BLUE)


def _modes() -> dict[str, tuple[bytes, tuple[int, int, int]]]:
    grey = Image.new("I;16", (64, 64), 128 * 257)
    see_through = Image.new("RGBA", (64, 64), (*RED, 0))
    palette = two_halves((64, 64)).quantize(4)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return {
        "CMYK": (saved(two_halves((64, 64)).convert("CMYK"), "JPEG", quality=95), RED),
        "16 bits": (saved(grey), (128, 128, 128)),
        "grey": (saved(Image.new("L", (64, 64), 128)), (128, 128, 128)),
        "black and white": (saved(Image.new("1", (64, 64), 1)), (255, 255, 255)),
        "a palette": (saved(palette), RED),
        "a palette with a transparent colour": (saved(palette, transparency=1), RED),
        "grey with alpha": (saved(Image.new("LA", (64, 64), (128, 255))), (128, 128, 128)),
        "a profile": (saved(two_halves((64, 64)), icc_profile=profile), RED),
        "a progressive JPEG": (saved(two_halves((64, 64)), "JPEG", progressive=True, quality=95), RED),
        "transparent": (saved(see_through), (0, 0, 0)),
    }


@pytest.mark.parametrize("what", _modes())
def test_every_way_to_write_pixels_is_understood(what: str) -> None:
    """Red when 16 bits become white, a palette loses its colours, or CMYK is refused or inverted."""
    data, colour = _modes()[what]
    picture = opened(imaging.draw(data).files[320])
    found = picture.getpixel((16, 32))
    assert isinstance(found, tuple)
    if what == "transparent":
        assert found[3] == 0
    elif len(found) == 3 or found[3]:
        assert near(found, colour), found


def test_how_a_picture_is_served(
    manager_client: "APIClient", anonymous_client: "APIClient", make_product: "MakeProduct"
) -> None:
    """Red when it may be kept for less than ever, sniffed, run, or comes again where it is known."""
    address = upload(manager_client, make_product().pk, saved(two_halves())).json()["image"]
    answer = anonymous_client.get(address)
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"] == "inline"
    assert answer["Content-Security-Policy"] == "default-src 'none'"
    assert answer["Content-Length"] == str(len(answer.content))
    known = anonymous_client.get(address, HTTP_IF_NONE_MATCH=answer["ETag"])
    assert (known.status_code, known.content) == (304, b"")
    assert anonymous_client.head(address).status_code == 200
    assert anonymous_client.get(address, HTTP_IF_MATCH='"other"').status_code == 412
    assert anonymous_client.post(address).status_code == 405


@pytest.mark.parametrize(
    "name",
    ["0" * 40 + "-800.webp", "0" * 40 + "-801.webp", "../../settings.py", "..%2f..%2fsettings.py", "%2e%2e/x.webp", "0" * 39 + "-800.webp",
     "A" * 40 + "-800.webp", "0" * 40 + "-800.webp%00.svg", "0" * 40 + "-800.webp%0a"],
)  # fmt: skip
def test_there_is_no_other_file(anonymous_client: "APIClient", name: str) -> None:
    assert anonymous_client.get(f"{MEDIA}{name}").status_code == 404


def test_uploads_wait_for_each_other_and_not_too_many(
    manager_client: "APIClient", make_product: "MakeProduct", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red without the bound: ten managers would take every thread of the shop, and gigabytes."""
    mug, good = make_product(), saved(two_halves())
    monkeypatch.setattr(uploads, "AT_ONCE", threading.BoundedSemaphore(1))
    with uploads._turn():
        answer = upload(manager_client, mug.pk, good)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["type"].endswith("/problems/overloaded")
    assert upload(manager_client, mug.pk, good).status_code == 200
    monkeypatch.setattr(uploads, "WAIT_SECONDS", 0.01)
    with uploads.DRAWING_LOCK:
        assert upload(manager_client, mug.pk, good).status_code == 503


def test_no_file_of_an_upload_is_left_on_the_disk(
    manager_client: "APIClient", make_product: "MakeProduct", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with Django's usual handlers: a body of more than 2.5 MiB goes through a file, which a container may not have."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    large = saved(Image.effect_noise((1700, 1700), 100).convert("RGB"), "JPEG", quality=100)
    assert len(large) > 2_621_440
    assert upload(manager_client, make_product().pk, large).status_code == 200
