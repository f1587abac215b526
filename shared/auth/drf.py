"""Bearer tokens and roles for Django REST Framework."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission

from shared.auth.principal import Principal
from shared.auth.tokens import InvalidToken
from shared.auth.verifier import verifier

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


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
            return verifier().verify(token.strip().decode("latin-1")), None
        except InvalidToken as error:
            raise AuthenticationFailed(str(error)) from error

    def authenticate_header(self, request: "Request") -> str:
        """What a 401 says in `WWW-Authenticate` (RFC 6750, section 3: no error code where no token was sent)."""
        sent = bool(get_authorization_header(request))
        return 'Bearer error="invalid_token"' if sent else "Bearer"


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes `BearerAuthentication`."""

    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """HTTP bearer tokens."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


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
