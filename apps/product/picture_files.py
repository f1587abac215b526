"""Where the files of uploaded pictures lie: Django's default storage, which is a folder or a bucket (settings.py).

A file's name is made from its content, so one that is there is never another one later, and writing it again is
harmless. Whatever fails is a place that is away: 503, and nothing was changed.
"""

import logging
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache, wraps
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.utils import timezone

from apps.product.errors import PicturesUnavailable
from apps.product.image_urls import WIDTHS
from apps.product.imaging import Picture
from apps.product.media import UNFINISHED

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger(__name__)

FOLDER = "products"
READING = (
    "reading"  # the same place, asked by those who would rather have no answer than wait for it (settings.py)
)
NAME = re.compile(r"([0-9a-f]{40})-[0-9]{3,4}\.webp")


@cache
def _failures() -> tuple[type[Exception], ...]:
    """What a storage raises when it cannot do what it is asked."""
    if not settings.ENVIRONMENT.media_bucket:
        return (OSError,)
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    return (OSError, Boto3Error, BotoCoreError, ClientError)


def _or_away(operation: Callable[P, R]) -> Callable[P, R]:
    @wraps(operation)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return operation(*args, **kwargs)
        except FileNotFoundError:
            raise
        except _failures() as error:
            logger.warning("The place of pictures is away: %s", error)
            raise PicturesUnavailable from error

    return run


def _path(digest: str, width: int) -> str:
    return f"{FOLDER}/{digest}-{width}.webp"


@_or_away
def keep(picture: Picture) -> None:
    """Write the files of a picture, also where they are there: they count as new again."""
    for width, file in picture.files.items():
        default_storage.save(_path(picture.digest, width), ContentFile(file))


@_or_away
def are_kept(digest: str) -> bool:
    """Whether all files of a picture are there."""
    return all(default_storage.exists(_path(digest, width)) for width in WIDTHS)


@_or_away
def read(digest: str, width: int) -> bytes:
    """A file; raises FileNotFoundError."""
    with storages[READING].open(_path(digest, width)) as file:
        content: bytes = file.read()
    return content


@_or_away
def digests() -> list[str]:
    """Every picture of which there is a file."""
    return sorted({found[1] for found in map(NAME.fullmatch, _names()) if found})


def _names() -> list[str]:
    try:
        names: list[str] = default_storage.listdir(FOLDER)[1]
    except FileNotFoundError:
        return []  # nothing was ever kept
    return names


@_or_away
def are_old(digest: str, age: timedelta) -> bool:
    """Whether there are files of a picture and all of them were written so long ago."""
    latest = timezone.now() - age
    there = [path for path in (_path(digest, width) for width in WIDTHS) if default_storage.exists(path)]
    return bool(there) and all(_written_at(path) < latest for path in there)


@_or_away
def delete(digest: str) -> None:
    """Delete the files of a picture, those that are there."""
    for width in WIDTHS:
        default_storage.delete(_path(digest, width))


@_or_away
def delete_unfinished(older_than: timedelta) -> int:
    """Delete what a process that died in the middle of a file has left, if it is so old; says how many there were."""
    latest = timezone.now() - older_than
    return sum(1 for path in _unfinished() if _written_at(path) < latest and _is_deleted(path))


def _unfinished() -> Iterator[str]:
    return (f"{FOLDER}/{name}" for name in _names() if name.endswith(UNFINISHED))


def _is_deleted(path: str) -> bool:
    default_storage.delete(path)
    return True


def _written_at(path: str) -> datetime:
    return default_storage.get_modified_time(path)
