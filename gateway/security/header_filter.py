"""What of a client's headers goes on to a service, and what of a service's goes back.

A client says nothing about who it is except by its token: names that proxies and applications read as an
identity or a forwarding are dropped, whatever they hold. Hop-by-hop headers end here in both directions
(RFC 9110, section 7.6.1), those that `Connection` names too.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.http.preconditions import Preconditions

Header = tuple[bytes, bytes]

HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer trailers "
    b"transfer-encoding upgrade http2-settings".split()
)
# The gateway reads these itself; what a service gets of them is written anew.
READ = frozenset(
    b"host authorization cookie content-length transfer-encoding connection origin x-request-id traceparent "
    b"expect x-forwarded-for x-forwarded-proto x-csrftoken sec-fetch-site".split()
)
READ_AND_KEPT = frozenset(b"origin".split())
ONCE = frozenset(b"host authorization content-length transfer-encoding origin".split())
IDENTITY = frozenset(
    b"forwarded via x-real-ip x-client-ip x-cluster-client-ip x-originating-ip x-remote-ip x-remote-addr client-ip "
    b"true-client-ip cf-connecting-ip fastly-client-ip x-host x-original-host x-original-url x-rewrite-url "
    b"x-http-method x-http-method-override x-method-override remote-user remote-addr proxy "
    b"x-proxyuser-ip x-middleware-subrequest x-trace-id b3".split()
)
IDENTITY_PREFIXES = (
    b"x-user", b"x-forwarded", b"x-auth", b"x-remote-user", b"x-authenticated", b"x-principal", b"x-role",
    b"x-customer", b"x-jwt", b"x-token", b"x-id-token", b"x-access-token", b"x-goog-", b"x-amzn-oidc", b"x-ms-client",
    b"x-envoy-", b"x-b3-", b"x-microcommerce-", b"sec-websocket-",
)  # fmt: skip
ADMINS = b"x-microcommerce-admins"  # for pages of the back office: the services that have an admin
# The gateway sends its own of these, or none.
NOT_FROM_A_SERVICE = HOP_BY_HOP | frozenset(
    b"server date via set-cookie x-powered-by x-request-id x-content-type-options x-frame-options referrer-policy "
    b"cross-origin-opener-policy strict-transport-security content-security-policy".split()
)

_DROP, _READ, _KEEP, _BOTH = range(4)
_REMEMBERED = 4096  # names; a client that makes up more is judged anew each time
_verdicts: dict[bytes, int] = {}


@dataclass(slots=True)
class ClientHeaders:
    """A request's headers, sorted: `read` by the gateway, `forwarded` for the service, `repeated` where one stood twice."""

    read: dict[bytes, bytes]
    forwarded: list[Header]
    repeated: bytes = b""

    @property
    def preconditions(self) -> Preconditions:
        """What the client makes its request depend on."""
        return Preconditions(self._list(b"if-match"), self._list(b"if-none-match"))

    def _list(self, name: bytes) -> str | None:
        values = [value for each, value in self.forwarded if each == name]
        return b",".join(values).decode("latin-1") if values else None


def filter_client_headers(headers: Iterable[Header]) -> ClientHeaders:
    """Sort the headers of a request; names must be in lower case."""
    found = ClientHeaders({}, [])
    read, forwarded = found.read, found.forwarded
    for header in headers:
        name = header[0]
        verdict = _verdicts.get(name)
        if verdict is None:
            verdict = _classify(name)
        if verdict & _KEEP:
            forwarded.append(header)
        if verdict & _READ:
            if name in read:
                _repeat(found, name, header[1])
            else:
                read[name] = header[1]
    if b"connection" in read:
        _drop_named(found)
    return found


def filter_service_headers(headers: Iterable[Header], *, bodiless: bool) -> list[Header]:
    """What of a service's answer goes to the client; `bodiless` where the status allows no body (204, 304)."""
    named: frozenset[bytes] = frozenset()
    forwarded = []
    for name, value in headers:
        if name not in NOT_FROM_A_SERVICE:
            forwarded.append((name, value))
        elif name == b"connection":
            named |= _tokens(value)
    if bodiless:
        named |= {b"content-length"}
    return (
        [header for header in forwarded if header[0] not in named]
        if named - {b"close", b"keep-alive"}
        else forwarded
    )


def _classify(name: bytes) -> int:
    if name in READ:
        verdict = _BOTH if name in READ_AND_KEPT else _READ
    elif name in HOP_BY_HOP or name in IDENTITY or b"_" in name or name.startswith(IDENTITY_PREFIXES):
        verdict = _DROP
    else:
        verdict = _KEEP
    if len(_verdicts) < _REMEMBERED:
        _verdicts[name] = verdict
    return verdict


def _repeat(found: ClientHeaders, name: bytes, value: bytes) -> None:
    if name in ONCE:
        found.repeated = name
    found.read[name] += (b"; " if name == b"cookie" else b", ") + value


def _drop_named(found: ClientHeaders) -> None:
    named = _tokens(found.read[b"connection"])
    if named - {b"close", b"keep-alive"}:
        found.forwarded = [header for header in found.forwarded if header[0] not in named]


def _tokens(value: bytes) -> frozenset[bytes]:
    return frozenset(token.strip().lower() for token in value.split(b","))
