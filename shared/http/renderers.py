"""JSON answers and pages, with the content type of RFC 9457 where the answer is a problem."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from rest_framework import renderers

from shared.http.documents import CONTENT_TYPE


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
        return super().render(data, accepted_media_type, renderer_context)


class PageRenderer(renderers.BrowsableAPIRenderer):
    """DRF's browsable page; what has no content has none here either, where DRF would make a 200 of it."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The page; nothing where the status is 204."""
        response = (renderer_context or {}).get("response")
        if response is not None and response.status_code == HTTPStatus.NO_CONTENT:
            return b""
        return super().render(data, accepted_media_type, renderer_context)
