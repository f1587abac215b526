"""What surrounds a request to the admin; every other request passes by untouched.

No cookie goes in or out. The caller is whom the access token names, as everywhere on the platform. What Django's admin
keeps between two pages (its messages) lies in the service's cache under the caller's id. Cross-site requests are the
gateway's business, where the only cookie is (gateway/signin/csrf.py): a request that reaches a service carries its
token in a header, which no other site's page can send.
"""

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.backends.cache import SessionStore
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from shared.admin.users import user_of
from shared.auth.actor import Source, identify
from shared.auth.principal import Principal
from shared.auth.tokens import InvalidToken, KeysUnavailable
from shared.auth.verifier import verifier
from shared.http.problems import RETRY_AFTER, is_store_away

logger = logging.getLogger(__name__)

PREFIX = "/admin/"
KEPT_FOR = timedelta(hours=1)


class CallersStore(SessionStore):
    """A session that is found by its caller: it is begun where there is none, under the same key."""

    def load(self) -> dict[str, Any]:
        """What is kept; nothing where nothing is, or where the cache cannot be asked."""
        try:
            return self._cache.get(self.cache_key) or {}  # type: ignore[attr-defined]
        except Exception:  # noqa: BLE001 - whatever the cache's client raises: a page without its message is still a page
            return {}

    def save(self, must_create: bool = False) -> None:
        """Keep it for `KEPT_FOR`, where the cache takes it: the operation that it tells of was done all the same."""
        try:
            self._cache.set(self.cache_key, dict(self.items()), KEPT_FOR.total_seconds())  # type: ignore[attr-defined]
        except Exception as error:  # noqa: BLE001 - as in `load`
            logger.warning("What a page of the admin had to say is not kept: %s", error)


class _OnlyAdmin:
    """Passes every request by that is not the admin's."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request."""
        if request.path_info.startswith(PREFIX):
            return super().__call__(request)  # type: ignore[misc,no-any-return]
        return self.get_response(request)  # type: ignore[attr-defined,no-any-return]


class AdminSession(_OnlyAdmin, SessionMiddleware):
    """A session without a cookie: its key is the caller's id. Its loss loses a message that nobody has read."""

    def process_request(self, request: HttpRequest) -> None:
        """Nothing yet: who is asking is found out by `AdminIdentity`."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Keep what was changed; Django's own cookie against cross-site requests stays here, too."""
        session = getattr(request, "session", None)
        if session is not None and session.modified:
            session.save()
        response.cookies.clear()
        return response


class AdminIdentity(_OnlyAdmin, AuthenticationMiddleware):
    """Lets managers in, by the token of each request; says to everybody else why not."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:  # type: ignore[override]
        """The response that refuses the request; None where it may go on."""
        try:
            principal = _principal(request)
        except KeysUnavailable:
            return _refused(request, 503, "Sign-in cannot be checked right now", "Try again in a moment.")
        if principal is None:
            return _refused(
                request, 401, "You are signed out", "Your sign-in has ended. Sign in and come back here."
            )
        if not principal.is_manager:
            return _refused(
                request,
                403,
                "This is for managers",
                f"You are signed in as {principal.username}, who is no manager.",
            )
        try:
            request.user = user_of(principal)
        except Exception as error:
            if (away := self.process_exception(request, error)) is None:
                raise
            return away
        identify(principal, Source.ADMIN)
        request.session = CallersStore(f"admin-{principal.subject}")
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # noqa: SLF001 - see above
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A page that says so where a store is away; anything else is a fault of ours."""
        if not request.path_info.startswith(PREFIX) or not is_store_away(error):
            return None
        logger.warning("A store is away: %s", error)
        return _refused(
            request, 503, "The database cannot be reached right now", "Go back and try again in a moment."
        )


class AdminMessages(_OnlyAdmin, MessageMiddleware):
    """Django's messages, for the admin alone."""


def _principal(request: HttpRequest) -> Principal | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        return verifier().verify(token.strip())
    except InvalidToken:
        return None


def _refused(request: HttpRequest, status: int, title: str, detail: str) -> HttpResponse:
    known = {"title": title, "detail": detail, "status": status, "service": settings.SERVICE_NAME}
    response = render(request, "admin/refused.html", known, status=status)
    if status == 401:  # noqa: PLR2004 - RFC 9110, section 15.5.2
        response["WWW-Authenticate"] = "Bearer"
    if status == 503:  # noqa: PLR2004 - RFC 9110, section 15.6.4
        response["Retry-After"] = str(RETRY_AFTER)
    return response
