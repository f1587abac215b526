"""Pictures that managers upload."""

import io
import random

from PIL import Image


def png(size: tuple[int, int] = (640, 480)) -> bytes:
    """A picture that nobody has uploaded yet."""
    colour = (random.randrange(256), random.randrange(256), random.randrange(256))
    image = Image.new("RGB", size, colour)
    image.paste(colour[::-1], (size[0] // 2, 0, *size))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
