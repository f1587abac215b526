"""From the body of a request to a picture that is kept: bounded in bytes, in work at once and in waiting."""

import io
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http.multipartparser import MultiPartParser as DjangoParser
from django.http.multipartparser import MultiPartParserError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, DataAndFiles

from apps.product import picture_files
from apps.product.errors import BadPicture, PictureGone, PicturesBusy
from apps.product.imaging import Picture, draw
from shared.http.parsers import BodyTooLarge, read_body

R = TypeVar("R")

FIELD = "picture"
MOST_BYTES = 10 * 1024 * 1024
MOST_BODY = MOST_BYTES + 64 * 1024  # with what a form writes around it; the gateway's route has the same
TRIES = 3
# Each picture takes up to a third of a gigabyte while it is drawn: one at a time in a process. Whoever waits has one of
# its few threads, so few may wait: the shop's customers need the others.
DRAWING_LOCK = threading.Lock()
AT_ONCE = threading.BoundedSemaphore(4)
WAIT_SECONDS = 15.0  # seconds


class PictureFormParser(BaseParser):
    """A form with a file, all of it in memory and none of it longer than `MOST_BODY`."""

    media_type = "multipart/form-data"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> "DataAndFiles[Any, Any]":
        """The fields and the files; raises BodyTooLarge and ParseError."""
        request = (parser_context or {})["request"]
        body = read_body(stream, request.headers.get("Content-Encoding", ""), MOST_BODY)
        head = {**request.META, "CONTENT_TYPE": media_type, "CONTENT_LENGTH": str(len(body))}
        try:
            return DataAndFiles(*DjangoParser(head, io.BytesIO(body), [_InMemory()], "utf-8").parse())
        except (MultiPartParserError, SuspiciousOperation) as error:
            raise ParseError(f"The body is no form with a file: {error}") from error


class _InMemory(MemoryFileUploadHandler):
    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        self.activated = True  # whatever its length: it is in memory already


def picture_in(files: Sequence[Any]) -> Picture:
    """The picture in what came as `FIELD`, drawn anew; raises BadPicture, NotAPicture, BodyTooLarge, PicturesBusy."""
    if len(files) != 1:
        raise BadPicture("repeated" if files else "required")
    file = files[0]
    if (file.size or 0) > MOST_BYTES:
        raise BodyTooLarge(f"The picture is larger than {MOST_BYTES} bytes.")
    with _turn():
        return draw(file.read())


def keep_and_show(picture: Picture, show: Callable[[Picture], R]) -> R:
    """Write the files, then what names them: who dies in between leaves files that nobody needs, and nothing broken."""
    for tries_left in reversed(range(TRIES)):
        picture_files.keep(picture)
        try:
            return show(picture)
        except PictureGone:
            if not tries_left:
                raise
    raise AssertionError("unreachable")  # pragma: no cover


@contextmanager
def _turn() -> Iterator[None]:
    if not AT_ONCE.acquire(blocking=False):
        raise PicturesBusy
    try:
        if not DRAWING_LOCK.acquire(timeout=WAIT_SECONDS):
            raise PicturesBusy
        try:
            yield
        finally:
            DRAWING_LOCK.release()
    finally:
        AT_ONCE.release()
