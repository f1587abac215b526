"""Sign-in, registration, sign-out, and Keycloak's word that a session ended."""

import logging
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView, OIDCAuthenticationRequestView
from requests.exceptions import RequestException

from gateway.signin import csrf, oidc_endpoints, pending, session_store
from gateway.signin.backend import BadIdToken, Visitor, signed_claims
from gateway.signin.tokens import cookie_name

logger = logging.getLogger(__name__)

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class SignIn(OIDCAuthenticationRequestView):  # type: ignore[misc]
    """Sends the browser to Keycloak's sign-in page; `?next=` says where it comes back to.

    What has to be remembered until then goes with the browser, in the signed cookie that is Django's session here.
    """

    http_method_names = ("get", "head")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Redirect to Keycloak's sign-in page."""
        answer: HttpResponse = super().get(request)
        pending.remember_next(request.session)
        return answer


class Register(SignIn):
    """Sends the browser to Keycloak's registration page (Initiating User Registration via OpenID Connect 1.0)."""

    def get_extra_params(self, request: HttpRequest) -> dict[str, str]:
        """What makes it the registration page."""
        return {"prompt": "create"}


class Callback(OIDCAuthenticationCallbackView):  # type: ignore[misc]
    """Keycloak sent the browser back with a code."""

    http_method_names = ("get", "head")
    user: Visitor

    def get(self, request: HttpRequest) -> HttpResponse:
        """Exchange the code for tokens. What fails is said on a page with the way out."""
        if "error" in request.GET:
            return self.login_failure()
        self._next = pending.next_of(request.session, request.GET.get("state", ""))
        try:
            answer: HttpResponse = super().get(request)
        except SuspiciousOperation as error:
            logger.warning("A sign-in was refused: %s", error)
            return _failed(request, HTTPStatus.BAD_REQUEST)
        except RequestException as error:
            logger.warning("Keycloak cannot be asked for tokens: %s", error)
            return _failed(
                request, HTTPStatus.BAD_REQUEST if _is_client_error(error) else HTTPStatus.SERVICE_UNAVAILABLE
            )
        return answer

    def login_success(self) -> HttpResponse:
        """From now on this browser is signed in."""
        if before := session_key_of(self.request):
            session_store.end(before)
        key = session_store.begin(self.user.tokens)
        pending.write_again(self.request.session)
        answer = HttpResponseRedirect(self.success_url)
        answer.set_cookie(
            cookie_name(),
            key,
            max_age=session_store.LONGEST_SECONDS,
            secure=settings.SESSION_COOKIE_SECURE,
            samesite="Lax",  # the way back from Keycloak is a link from another site
            httponly=True,
        )
        answer.set_cookie(
            csrf.COOKIE,
            csrf.token(key),
            secure=settings.SESSION_COOKIE_SECURE,
            samesite="Lax",
            httponly=False,
        )
        return answer

    @property
    def success_url(self) -> str:
        """Where this sign-in was to lead."""
        return self._next or str(settings.LOGIN_REDIRECT_URL)

    def login_failure(self) -> HttpResponse:
        """The page that says that the sign-in was not completed."""
        return _failed(self.request, HTTPStatus.BAD_REQUEST)


def session_key_of(request: HttpRequest) -> str | None:
    """The key of the browser's session, as the gateway found it in the request's cookies."""
    key: str | None = request.scope.get("session_key")  # type: ignore[attr-defined]
    return key


def _is_client_error(error: RequestException) -> bool:
    return error.response is not None and error.response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR


def _failed(request: HttpRequest, status: HTTPStatus) -> HttpResponse:
    is_away = status is HTTPStatus.SERVICE_UNAVAILABLE
    context = {"is_away": is_away, "here": "/"}
    return render(request, "gateway/signin_failed.html", context, status=status)


@never_cache
def sign_out(request: HttpRequest) -> HttpResponse:
    """POST: end the session here, then with Keycloak."""
    key = session_key_of(request)
    tokens = session_store.end(key) if key else None
    answer = HttpResponseRedirect(oidc_endpoints.end_of_session(tokens.id) if tokens else "/")
    answer.delete_cookie(cookie_name())
    answer.delete_cookie(csrf.COOKIE)
    return answer


@never_cache
def session(request: HttpRequest) -> JsonResponse:
    """Who is signed in, for scripts of our own pages."""
    principal: Any = request.scope.get("principal")  # type: ignore[attr-defined]
    if principal is None:
        return JsonResponse({"is_signed_in": False})
    key = session_key_of(request) or ""
    return JsonResponse(
        {
            "is_signed_in": True,
            "username": principal.username,
            "is_manager": principal.is_manager,
            "csrf_token": csrf.token(key),
        }
    )


@never_cache
def back_channel_sign_out(request: HttpRequest) -> HttpResponse:
    """POST from Keycloak: a session ended (OpenID Connect Back-Channel Logout 1.0, section 2.5)."""
    try:
        ended = _ended_session(request.POST.get("logout_token", ""))
    except BadIdToken as error:
        logger.warning("A sign-out was refused: %s", error)
        return JsonResponse({"error": "invalid_request", "error_description": str(error)}, status=400)
    session_store.end_realm_session(ended)
    return HttpResponse()


def _ended_session(logout_token: str) -> str:
    claims = signed_claims(logout_token)
    if LOGOUT_EVENT not in claims.get("events", {}) or "nonce" in claims or not claims.get("sid"):
        raise BadIdToken("This is not a logout token.")
    return str(claims["sid"])


@never_cache
def front_channel_sign_out(request: HttpRequest) -> HttpResponse:
    """GET in a frame of Keycloak's sign-out page: the same; the session's unguessable id is all it takes."""
    if request.GET.get("iss") == settings.ENVIRONMENT.issuer and request.GET.get("sid"):
        session_store.end_realm_session(request.GET["sid"])
    return HttpResponse()
