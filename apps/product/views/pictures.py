"""Uploaded pictures, as they are served."""

import threading

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from apps.product import picture_files
from apps.product.errors import PicturesUnavailable
from apps.product.image_urls import WIDTHS
from shared.http.preconditions import PreconditionFailed, conditional
from shared.http.problems import answer_of

FOR_EVER = 365 * 24 * 3600  # seconds
# A bucket that hangs keeps so many of the process's eight threads; the catalogue needs the others. One that answers
# needs some hundredths of a second, so a page full of pictures finds its turn within this time.
READERS = threading.BoundedSemaphore(3)
WAIT_SECONDS = 0.25


@require_safe
def uploaded_picture(request: HttpRequest, digest: str, width: str) -> HttpResponseBase:
    """An uploaded picture in one of its widths. The same address never shows anything else."""
    if int(width) not in WIDTHS:
        raise Http404
    try:
        body = _read(digest, int(width))
        response = HttpResponse(body, content_type="image/webp")
        response["Content-Length"] = len(body)
        response["Cache-Control"] = f"public, max-age={FOR_EVER}, immutable"
        answer = conditional(request, response, f'"{digest}-{width}"')
    except FileNotFoundError as error:
        raise Http404 from error
    except (PicturesUnavailable, PreconditionFailed) as refused:
        return answer_of(request, refused)
    answer["Content-Disposition"] = "inline"
    answer["Content-Security-Policy"] = "default-src 'none'"
    return answer


def _read(digest: str, width: int) -> bytes:
    if not READERS.acquire(timeout=WAIT_SECONDS):
        raise PicturesUnavailable
    try:
        return picture_files.read(digest, width)
    finally:
        READERS.release()
