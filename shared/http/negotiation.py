"""In which form an answer leaves: JSON for programs, a page for people with a browser."""

from collections.abc import Iterable

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from shared.http.accept import PAGE, wants_page


class Negotiation(DefaultContentNegotiation):
    """DRF's negotiation, which never fails: an error is a problem document whatever was accepted.

    `?format=` decides where it is given (`api`: the page, `json`). Else a browser that is about to show what it gets
    is given the page, and everybody else JSON. Whether JSON was asked for at all is looked at when the answer is
    known: see `HttpsOnlyMiddleware`.
    """

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The renderer and its media type. Raises Http404 for a `format` that there is not."""
        named = format_suffix or request.query_params.get(self.settings.URL_FORMAT_OVERRIDE)
        if named:
            chosen: BaseRenderer = self.filter_renderers(renderers, named)[0]
        else:
            first, *others = renderers
            pages = [each for each in (first, *others) if each.media_type == PAGE]
            is_for_people = pages and wants_page(request.headers.get("Accept", ""))
            chosen = pages[0] if is_for_people else first
        return chosen, str(chosen.media_type)
