"""The words that the route table is written in."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.auth import Principal

KIB = 1024
HERE = "gateway"  # answered by the gateway's own Django pages
WEBSOCKET = "WEBSOCKET"  # stands where a method stands
SAFE = {"GET", "HEAD", "OPTIONS"}  # RFC 9110, section 9.2.1


class Role(Enum):
    """Who may use an address."""

    ANYONE = "anyone"
    CUSTOMER = "customer"
    MANAGER = "manager"

    def admits(self, principal: "Principal | None") -> bool:
        """Whether `principal` has this role; None is a caller without a token."""
        if self is Role.ANYONE:
            return True
        if principal is None:
            return False
        return principal.is_manager if self is Role.MANAGER else principal.is_customer


@dataclass(frozen=True, slots=True)
class RouteLimits:
    """What one request may cost: seconds until the service begins its answer, bytes of the request's body.

    The standard limit has room for the largest thing that is written here, a product with all its text. GET, HEAD
    and OPTIONS take no body, whatever stands here.

    `counted` is whether it counts against the caller's rate limit; `shared` whether all readers but managers
    get one answer, kept for a moment (`gateway.proxy.caching_proxy`); `sign_in` whether it also counts against the address' small
    limit for sign-in; `in_api` whether the API's description has it.
    """

    seconds: float = 10.0
    body: int = 128 * KIB
    counted: bool = True
    shared: bool = False
    sign_in: bool = False
    in_api: bool = True


STANDARD = RouteLimits()
PAGE = RouteLimits(body=0)
SHARED = RouteLimits(shared=True)
SIGN_IN = RouteLimits(body=0, sign_in=True)  # each leads to Keycloak, or asks it for tokens
FORM = RouteLimits(body=64 * KIB)
BACK_OFFICE = RouteLimits(
    seconds=30, body=512 * KIB, in_api=False
)  # pages for people; a selection of rows is a long form
PICTURE = RouteLimits(
    seconds=30, body=10 * 1024 * KIB + 64 * KIB
)  # ten megabytes and the form around them; it is drawn anew before the answer
PICTURE_PAGE = replace(PICTURE, in_api=False)
PROBE = RouteLimits(body=0, counted=False)  # a prober that is refused would have the process killed


@dataclass(frozen=True, slots=True)
class Route:
    """One row: `who` may do `methods` (separated by spaces) at `path`, and the service `to` answers.

    `{name}` in a path stands for one piece of it; `{name...}` at the end for all the rest.
    """

    who: Role
    methods: str
    path: str
    to: str
    limits: RouteLimits = STANDARD


def admins(routes: Iterable[Route]) -> tuple[str, ...]:
    """The services that have an admin, in the order of their rows."""
    return tuple(dict.fromkeys(route.to for route in routes if route.limits is BACK_OFFICE))
