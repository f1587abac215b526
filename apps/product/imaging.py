"""Uploaded pictures: judged by what is in them, and drawn anew in the widths that the shop shows.

Nothing of an upload is kept but its pixels: what is served was written here. Every limit is looked at before the work
that it limits, since a file of a few kilobytes can hold a picture of many gigabytes.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image, ImageCms, JpegImagePlugin, PngImagePlugin, WebPImagePlugin
from PIL.Image import Resampling, Transpose

from apps.product.errors import BadPicture, NotAPicture
from apps.product.image_urls import WIDTHS

TALL = 2  # a picture is at most so many times as tall as wide, in each width
LEAST_SIDE, MOST_SIDE = 32, 12_000  # pixels
MOST_PIXELS = 25_000_000  # what cameras of 24 megapixels make; up to 400 MB while it is decoded
# A JPEG may be sent in passes, each over the whole picture (ordinary ones in about ten): a file can have thousands.
MOST_PASSES = 100
NEW_PASS = b"\xff\xda"
MOST_PROFILE = 2 * 1024 * 1024  # bytes of a colour profile
QUALITY, EFFORT = 82, 4  # WebP's own scales

# Naming them imports their readers: no other is ever asked.
FORMATS = (
    JpegImagePlugin.JpegImageFile.format,
    PngImagePlugin.PngImageFile.format,
    WebPImagePlugin.WebPImageFile.format,
)
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
ORIENTATION = 0x0112  # of Exif
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
LYING = {TURNS[number] for number in (5, 6, 7, 8)}  # those that exchange width and height
GAP = 1.5  # times the size that is wanted: what is made roughly first is still so large


@dataclass(frozen=True)
class Picture:
    """A picture as it is served: a file of WebP for each width, under a name made from all of them."""

    digest: str
    files: Mapping[int, bytes]


def draw(data: bytes) -> Picture:
    """The picture in an upload, drawn anew; raises NotAPicture and BadPicture."""
    image = _read_head(data)
    _check(image, data)
    try:
        pixels = _pixels(image)
        files = {width: _file(pixels, width) for width in sorted(WIDTHS, reverse=True)}
    except (
        Exception
    ) as error:  # the readers of three formats, given anything: there is no list of what they raise
        raise BadPicture("broken") from error
    digest = hashlib.sha256(b"".join(files[width] for width in WIDTHS)).hexdigest()[:40]
    return Picture(digest, files)


def _read_head(data: bytes) -> Image.Image:
    if not data:
        raise BadPicture("empty")
    if not (data.startswith(SIGNATURES) or (data[:4], data[8:12]) == (b"RIFF", b"WEBP")):
        raise NotAPicture
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadPicture("too_large") from error
    except Exception as error:
        raise BadPicture("broken") from error


def _check(image: Image.Image, data: bytes) -> None:
    """Refuse by what the head says, before there are any pixels."""
    width, height = image.size
    if min(width, height) < LEAST_SIDE:
        raise BadPicture("too_small")
    if max(width, height) > MOST_SIDE or width * height > MOST_PIXELS:
        raise BadPicture("too_large")
    is_jpeg = data.startswith(
        SIGNATURES[0]
    )  # of which some phones put several into one file: the first one counts
    if not is_jpeg and getattr(image, "is_animated", False):
        raise BadPicture("animated")
    if is_jpeg and data.count(NEW_PASS) > MOST_PASSES:
        raise BadPicture("broken")


def _pixels(image: Image.Image) -> Image.Image:
    """What is seen: upright, in sRGB, in one of two modes, in the largest width."""
    profile = image.info.get("icc_profile")
    turn = TURNS.get(_orientation(image) or 0)
    width, height = max(WIDTHS), TALL * max(WIDTHS)
    box = (height, width) if turn in LYING else (width, height)
    image.draft(None, (int(GAP * box[0]), int(GAP * box[1])))  # a JPEG is decoded in a smaller size at once
    pixels = _of_eight_bits(image)
    if (factor := int(max(pixels.width / box[0], pixels.height / box[1]) / GAP)) > 1:
        pixels = pixels.reduce(factor)  # roughly first: the whole by LANCZOS takes seconds
    pixels.thumbnail(box, Resampling.LANCZOS)
    pixels = _in_srgb(pixels, profile)
    pixels = pixels.convert("RGBA" if pixels.has_transparency_data else "RGB")
    return pixels if turn is None else pixels.transpose(turn)


def _orientation(image: Image.Image) -> int | None:
    try:
        orientation: int | None = image.getexif().get(ORIENTATION)
    except Exception:  # noqa: BLE001 - whatever is wrong with what a camera wrote, the pixels may be good
        return None
    return orientation


def _of_eight_bits(image: Image.Image) -> Image.Image:
    """In a mode that can be made smaller without harm."""
    if image.mode.startswith("I"):  # 16 bits of grey, of which Pillow would keep the lower eight
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in {"1", "P", "PA", "LA"}:
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.load()
    return image


def _in_srgb(pixels: Image.Image, profile: bytes | None) -> Image.Image:
    """With the colours that its profile means; a profile that cannot be understood means nothing."""
    if not profile or len(profile) > MOST_PROFILE:
        return pixels
    mode = "RGBA" if pixels.mode == "RGBA" else "RGB"
    try:
        source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(pixels, source, target, outputMode=mode) or pixels
    except Exception:  # noqa: BLE001 - as above
        return pixels


def _file(pixels: Image.Image, width: int) -> bytes:
    """WebP of at most this width; `pixels` are as small afterwards."""
    pixels.thumbnail((width, TALL * width), Resampling.LANCZOS)
    file = io.BytesIO()
    pixels.save(file, WebPImagePlugin.WebPImageFile.format, quality=QUALITY, method=EFFORT)
    return file.getvalue()
