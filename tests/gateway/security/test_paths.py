"""Paths that two programs might read differently never reach a service."""

import pytest

from gateway.security.paths import MAX_LENGTH, is_plain, is_trick
from tests.gateway.client import as_manager, send_raw, status_of
from tests.gateway.process import GatewayProcess
from tests.gateway.services import EchoService

TRICKS = [
    "/api/products/%2e%2e/orders/",
    "/api/products/..%2forders/",
    "/api/products/%2f/",
    "/api/products%2f",
    "/api%2fproducts/",
    "/api/products/%5c../",
    "/api/products/..;/orders/",
    "/api/products/;a=b/",
    "/api/products;a=b/",
    "/api/products/../orders/",
    "/api/products/./",
    "/api/products/.hidden/",
    "//api/products/",
    "/api//products/",
    "/api/products//",
    "/api/products/1//",
    "/api/products/%00/",
    "/api/products/1%00/",
    "/api/products/%252e%252e/",
    "/api/products/%c0%ae%c0%ae/",
    "/api/%70roducts/",
    "/api/products/%",
    "/api/products/%zz/",
    "/api/products/%u002e/",
    "/api/products\\..\\orders/",
    "/api/products/%0d%0aX-User:%20a/",
    "/" + "a" * MAX_LENGTH,
]
UNKNOWN = [
    "/api/products/caf%C3%A9/",
    "/api/products/$gt/",
    "/api/products/%20/",
    "/api/products/'or'1'='1/",
    "/{}/",
]


@pytest.mark.parametrize("path", TRICKS)
def test_a_trick_is_refused_before_any_service(
    path: str, gateway: GatewayProcess, service: EchoService
) -> None:
    answer = gateway.call("GET", path, as_manager())
    assert answer.status in {400, 404}
    assert service.seen == []
    assert not is_plain(path.encode())


@pytest.mark.parametrize("path", TRICKS)
def test_what_could_be_taken_for_another_path_is_called_malformed(path: str) -> None:
    assert is_trick(path.encode()) or path.startswith("/api/products/%c0")


@pytest.mark.parametrize("path", UNKNOWN)
def test_an_odd_name_is_merely_unknown(path: str, gateway: GatewayProcess, service: EchoService) -> None:
    answer = gateway.call("GET", path)
    assert (answer.status, answer.problem) == (404, "not-found")
    assert service.seen == []


@pytest.mark.parametrize(
    "target", [b"*", b"http://other/api/nothing/", b"/api/products/\xc3\xa9/", b"/api/products/\x7f/"]
)
def test_a_target_of_another_form_reaches_no_service(
    target: bytes, gateway: GatewayProcess, service: EchoService
) -> None:
    raw = send_raw(
        gateway.port, b"OPTIONS " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    assert status_of(raw) in {400, 404}
    assert service.seen == []


@pytest.mark.parametrize("path", ["/", "/a", "/a/", "/a-b/c_d/e.f~g/1/", "/api/products/665f1c/"])
def test_ordinary_paths_are_plain(path: str) -> None:
    assert is_plain(path.encode())
