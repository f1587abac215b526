"""Bearer tokens and roles for Django REST Framework."""

from typing import TYPE_CHECKING, Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission

from shared.auth.actor import Source, identify
from shared.auth.principal import Principal
from shared.auth.tokens import InvalidToken, KeysUnavailable
from shared.auth.verifier import verifier
from shared.http.problems import RETRY_AFTER, Problem

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


class IdentityUnavailable(Problem):
    """Whether the token is good cannot be told now; the caller should keep it."""

    slug = "identity-unavailable"
    status_code = 503
    title = "Tokens cannot be verified"


class BearerAuthentication(BaseAuthentication):
    """RFC 6750: `Authorization: Bearer <access token>`, and nothing else, makes a principal."""

    def authenticate(self, request: "Request") -> tuple[Principal, None] | None:
        """The principal; None without a token; raises where there is one that is not good."""
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if not scheme:
            return None
        if scheme.lower() != b"bearer":
            raise AuthenticationFailed("Only Bearer tokens are accepted.")
        try:
            caller = verifier().verify(token.strip().decode("latin-1"))
        except KeysUnavailable as error:
            raise IdentityUnavailable(str(error), headers={"Retry-After": str(RETRY_AFTER)}) from error
        except InvalidToken as error:
            raise AuthenticationFailed(str(error)) from error
        identify(caller, Source.API)
        return caller, None

    def authenticate_header(self, request: "Request") -> str:
        """What a 401 says in `WWW-Authenticate` (RFC 6750, section 3: no error code where no token was sent)."""
        sent = bool(get_authorization_header(request))
        return 'Bearer error="invalid_token"' if sent else "Bearer"


def principal_of(request: "Request") -> Principal:
    """The verified caller of a view whose permissions ask for one."""
    if not isinstance(request.user, Principal):
        raise TypeError("This view lets anonymous callers in: give it a permission class.")
    return request.user


class IsCustomer(BasePermission):
    """The caller has the role `customer` (a manager has it too)."""

    message = "This needs the role customer."

    def has_permission(self, request: "Request", view: "APIView") -> bool:
        """Whether the caller may go on."""
        return isinstance(request.user, Principal) and request.user.is_customer


class IsManager(BasePermission):
    """The caller has the role `manager`."""

    message = "This needs the role manager."

    def has_permission(self, request: "Request", view: "APIView") -> bool:
        """Whether the caller may go on."""
        return isinstance(request.user, Principal) and request.user.is_manager


class ReadOnly(BasePermission):
    """Anyone may read."""

    def has_permission(self, request: "Request", view: "APIView") -> Any:
        """Whether the request is a read."""
        return request.method in SAFE_METHODS
