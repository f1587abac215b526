"""JSON answers and pages, with the content type of RFC 9457 where the answer is a problem."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.template.loader import render_to_string
from rest_framework import renderers

from shared.http.problem_document import CONTENT_TYPE


class Written(str):
    """JSON that is written already."""

    __slots__ = ()


class JSONRenderer(renderers.JSONRenderer):
    """DRF's renderer; errors leave as `application/problem+json`."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The body; sets the content type of an error on the way."""
        response = (renderer_context or {}).get("response")
        # Inside a page of the browsable API this renderer writes only a part: the page is HTML.
        if (
            response is not None
            and response.status_code >= HTTPStatus.BAD_REQUEST
            and response.accepted_renderer is self
        ):
            response["Content-Type"] = CONTENT_TYPE
        if isinstance(data, Written):
            return data.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode()
        return super().render(data, accepted_media_type, renderer_context)


class PageRenderer(renderers.BrowsableAPIRenderer):
    """A page for people (`shared.http.browsable`); what has no content has none here either."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The page; nothing where the status is 204."""
        from shared.http.browsable import page  # late: DRF loads this module before its views

        inside = renderer_context or {}
        view, request, response = inside["view"], inside["request"], inside["response"]
        if response.status_code == HTTPStatus.NO_CONTENT:
            return b""
        template = "problem" if response.status_code >= HTTPStatus.BAD_REQUEST else "page"
        found = page.context(data, view, request, response)
        if found.get("offers"):
            # Back must ask again: the page has a key that counts once, and the tag of what was there.
            response["Cache-Control"] = "private, no-store"
        return render_to_string(f"browsable/{template}.html", found)
