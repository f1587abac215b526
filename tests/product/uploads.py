"""Pictures to upload, good and hostile, made here: no file of a stranger lies in the repository."""

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from PIL import Image, PngImagePlugin

if TYPE_CHECKING:
    from rest_framework.test import APIClient

RED, BLUE = (200, 30, 30), (30, 30, 200)
MEDIA = "/media/products/"


def two_halves(size: tuple[int, int] = (900, 600)) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int) -> bytes:
    """A small PNG that says it has so many pixels, all of them white and there to be decoded."""
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    row = b"\x00" + b"\xff" * ((width + 7) // 8)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def with_metadata() -> bytes:
    """A JPEG that says where it was taken, by whom, and that holds a page and a colour profile."""
    exif = Image.Exif()
    exif[0x013B] = "Secret Photographer"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    icc = b"a profile that nobody can read"
    data = saved(
        two_halves(),
        "JPEG",
        exif=exif,
        icc_profile=icc,
        comment=b"<script>alert(1)</script>",
        xmp=b"<x:xmpmeta>Secret</x:xmpmeta>",
    )
    return data + b"<html><script>alert(2)</script></html>"


def png_with_texts() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "Secret Photographer")
    info.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>Secret</x:xmpmeta>")
    return saved(two_halves(), pnginfo=info)


def moving(kind: str) -> bytes:
    frames = [two_halves((64, 64)), Image.new("RGB", (64, 64), BLUE)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def in_width(address: str, width: int) -> str:
    """The same picture's file of another width."""
    return address.replace("-800.webp", f"-{width}.webp")


def upload(
    client: "APIClient",
    product_id: object,
    *files: bytes,
    name: str = "a.png",
    kind: str = "image/png",
    **headers: Any,
) -> Any:
    """PUT a form with these files in the field `picture`."""
    form = {"picture": [SimpleUploadedFile(name, file, kind) for file in files]}
    return client.put(
        f"/api/products/{product_id}/picture/",
        encode_multipart(BOUNDARY, form),
        content_type=MULTIPART_CONTENT,
        **headers,
    )
