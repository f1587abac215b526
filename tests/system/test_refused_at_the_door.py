"""A request that no rule allows reaches no service: the services' own logs say so."""

import http.client
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.system.bad_addresses import NOT_ALLOWED, TRICKS
from tests.system.endpoints import ENDPOINTS
from tests.system.platform import OFFSET, ROOT, Platform
from tests.system.shopper import Shopper
from tests.system.waiting import eventually

LOGS = ROOT / ".microcommerce" / OFFSET / "logs"
SERVICES = ("product", "order", "stock", "basket", "notification", "saga")
PLACES = {
    "product": "0" * 24,
    "category": "0" * 24,
    "order": "00000000-0000-4000-8000-000000000000",
    "saga": "00000000-0000-4000-8000-000000000000",
    "notification": "1",
}
NOWHERE = (
    "/metrics",
    "/metrics/",
    "/api/users/",
    "/api/users",
    "/admin/nowhere/",
    "/health/live/",
    "/ws/",
    "/internal/",
)
REFUSED = {400, 401, 403, 404, 405}


class Marked:
    """Sends requests that can be found again: each has a trace of its own, which every log line names."""

    def __init__(self, gateway: str) -> None:
        self._host = urlsplit(gateway).netloc
        self.traces: dict[str, str] = {}

    def send(self, method: str, path: str, caller: Shopper) -> int:
        """The status of the answer. The path is sent as it is, whatever a client would make of it."""
        trace = secrets.token_hex(16)
        headers = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01", "Accept": "application/json"}
        if caller.log_in:
            headers["Authorization"] = f"Bearer {caller.log_in.token}"
        connection = http.client.HTTPConnection(self._host, timeout=30)
        connection.request(method, path, headers=headers)
        status = connection.getresponse().status
        connection.close()
        self.traces[trace] = f"{method} {path}"
        return status


def _forbidden(nobody: Shopper, customer: Shopper, manager: Shopper) -> Iterator[tuple[str, str, Shopper]]:
    for endpoint in ENDPOINTS:
        path = endpoint.path.format(**PLACES)
        if endpoint.who != "anyone":
            yield endpoint.method, path, nobody
        if endpoint.who == "manager":
            yield endpoint.method, path, customer
    for method, path in NOT_ALLOWED:
        yield method, path.format(**PLACES), manager
    for path in (*TRICKS, *NOWHERE):
        yield "GET", path, manager


def test_what_no_rule_allows_reaches_no_service(
    platform: Platform, anybody: Shopper, shopper: Shopper, manager: Shopper
) -> None:
    """Red without `check_role` in `gateway/security/admission.py`: the service refuses the same, but it was asked."""
    refused, allowed = Marked(platform.urls["gateway"]), Marked(platform.urls["gateway"])
    for method, path, caller in _forbidden(anybody, shopper, manager):
        assert refused.send(method, path, caller) in REFUSED, f"{method} {path}"
    assert len(refused.traces) > 60
    for path in (
        "/api/products/",
        "/api/stock/",
        "/api/basket/",
        "/api/orders/",
        "/api/sagas/",
        "/api/notifications/",
    ):
        # A page that nobody has asked for is in no cache.
        assert allowed.send("GET", f"{path}?page_size={2 + secrets.randbelow(98)}&page=1", shopper) == 200
    eventually(
        lambda: {trace for trace in allowed.traces if trace in _logs()},
        lambda seen: seen == allowed.traces.keys(),
        what="every allowed request in the log of its service",
    )
    written = _logs()
    assert [request for trace, request in refused.traces.items() if trace in written] == []


def _logs() -> str:
    """What the services' APIs have written lately."""
    files = [log for service in SERVICES for log in LOGS.glob(f"{service}-api.log*")]
    assert len(files) >= len(SERVICES)
    return "".join(log.read_text(errors="replace") for log in files)
