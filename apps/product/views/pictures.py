"""Uploaded pictures, as they are served."""

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from apps.product import picture_files
from apps.product.addresses import WIDTHS
from apps.product.errors import PicturesUnavailable
from shared.http.preconditions import PreconditionFailed, conditional
from shared.http.problems import answer_of

FOR_EVER = 365 * 24 * 3600  # seconds


@require_safe
def uploaded_picture(request: HttpRequest, digest: str, width: str) -> HttpResponseBase:
    """An uploaded picture in one of its widths. The same address never shows anything else."""
    if int(width) not in WIDTHS:
        raise Http404
    try:
        body = picture_files.read(digest, int(width))
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
